/** A run that was trained, carried to another home as one file, and trained again there: the same bytes. */
import { copyFileSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { drawImages, newPlace, type Place, writeSpec } from '../helpers/real-trainer.ts';

describe('a bundle', { timeout: 300_000 }, () => {
  let there: Place;
  let here: Place;
  const lora = (place: Place) =>
    JSON.parse(readFileSync(join(place.dir, 'home', 'runs', 'ball', 'exit.json'), 'utf8')).outputs[0].sha256;

  beforeAll(async () => {
    there = newPlace();
    here = newPlace();
    drawImages(join(there.dir, 'my pictures'));
    writeSpec(join(there.dir, 'run.yaml'), './my pictures', 3);
    const told = await there.visiontrain('run', 'run.yaml', '--plain');
    expect(told.code).toBe(0);
  }, 300_000);

  afterAll(() => {
    there.remove();
    here.remove();
  });

  it('trains elsewhere to the same bytes, with the pictures of a folder whose names are others', async () => {
    const made = await there.visiontrain('export', 'ball', '--bundle', 'ball.zip', '--json');
    expect(JSON.parse(made.stdout)).toMatchObject({ images: false });
    const bytes = readFileSync(join(there.dir, 'ball.zip')).toString('latin1');
    for (const secret of [there.dir, process.env.HOME ?? '/root']) expect(bytes).not.toContain(secret);
    const found = join(here.dir, 'found');
    mkdirSync(found);
    for (const name of readdirSync(join(there.dir, 'my pictures')))
      if (!name.endsWith('.txt')) copyFileSync(join(there.dir, 'my pictures', name), join(found, name.slice(-6)));
    copyFileSync(join(there.dir, 'ball.zip'), join(here.dir, 'b.zip'));
    const alone = await here.visiontrain('run', 'b.zip', '--plain');
    expect([alone.code, alone.stderr]).toEqual([2, expect.stringContaining('--pictures FOLDER')]);
    const told = await here.visiontrain('run', 'b.zip', '--pictures', 'found', '--plain');
    expect(told.stderr).toContain('The same to the byte as the LoRA in the bundle');
    expect([told.code, lora(here)]).toEqual([0, lora(there)]);
  });

  it('is not made of a run whose pictures have changed', async () => {
    copyFileSync(join(there.dir, 'my pictures', 'picture 1.txt'), join(there.dir, 'my pictures', 'picture 3.txt'));
    const told = await there.visiontrain('export', 'ball', '--bundle', 'other.zip');
    expect([told.code, told.stderr]).toEqual([2, expect.stringContaining('would train something else')]);
  });
});
