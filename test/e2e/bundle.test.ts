/** A run that was trained, carried to another home as one file, and trained again there: the same bytes. */
import { copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sha256OfFile } from '../../src/base/files/hash.ts';
import { places } from '../../src/base/paths.ts';
import { writeZip } from '../../src/engine/bundle/zip.ts';
import { keepEdit } from '../../src/engine/captions/edits/history.ts';
import { captionsDir } from '../../src/engine/captions/store.ts';
import { maskFinders, maskPlace, masksDir } from '../../src/engine/masks/made.ts';
import { loadRegistry } from '../../src/registry/catalogue/load.ts';
import { HubServer } from '../helpers/hub-server.ts';
import { png, writeTree } from '../helpers/images.ts';
import { drawImages, newPlace, type Place, writeSpec } from '../helpers/real-trainer.ts';

describe('a bundle', { timeout: 600_000 }, () => {
  let hub: HubServer;
  let there: Place;
  let here: Place;
  const lora = (place: Place) =>
    JSON.parse(readFileSync(join(place.dir, 'home', 'runs', 'ball', 'exit.json'), 'utf8')).outputs[0].sha256;

  beforeAll(async () => {
    hub = await new HubServer().start();
    const base = join(import.meta.dirname, '../../presets/tiny/sd15');
    for (const entry of readdirSync(base, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      if (entry.isFile()) hub.put('me/tiny', relative(base, path), readFileSync(path));
    }
    const { HF_TOKEN: _, ...env } = process.env;
    there = newPlace({ ...env, HF_ENDPOINT: hub.url });
    here = newPlace(env);
    drawImages(join(there.dir, 'my pictures'));
    writeSpec(join(there.dir, 'run.yaml'), './my pictures', 3);
    const told = await there.visiontrain('run', 'run.yaml', '--plain');
    expect(told.code).toBe(0);
  }, 600_000);

  afterAll(async () => {
    await hub.stop();
    there.remove();
    here.remove();
  });

  it('trains elsewhere to the same bytes, with the images of a folder under other names', async () => {
    const made = await there.visiontrain('export', 'ball', '--bundle', 'ball.zip', '--json');
    expect(JSON.parse(made.stdout)).toMatchObject({ images: false });
    const bytes = readFileSync(join(there.dir, 'ball.zip'));
    for (const secret of [there.dir, process.env.HOME ?? '/root']) expect(bytes.includes(secret), secret).toBe(false);
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

  it('is not made of a run whose images have changed', async () => {
    copyFileSync(join(there.dir, 'my pictures', 'picture 1.txt'), join(there.dir, 'my pictures', 'picture 3.txt'));
    const told = await there.visiontrain('export', 'ball', '--bundle', 'other.zip');
    expect([told.code, told.stderr]).toEqual([2, expect.stringContaining('would train something else')]);
  });

  /** Puts a mask that a model would have made, and a caption that a person edited, into the home of a place. */
  async function madeAndEdited({ dir }: Place, images: string): Promise<void> {
    const home = places({ VISIONTRAIN_HOME: join(dir, 'home') });
    const registry = loadRegistry({ configDir: home.config });
    const masks = masksDir(home, maskFinders(['background'], { registry, places: home }));
    for (const [name, side] of [
      ['picture 1.png', [256, 256]],
      ['picture 4.png', [97, 131]],
    ] as const) {
      const sha256 = await sha256OfFile(join(images, name));
      const to = maskPlace(masks, sha256);
      mkdirSync(join(to, '..'), { recursive: true });
      writeFileSync(to, png(side[0], side[1], 7));
    }
    const edited = await sha256OfFile(join(images, 'picture 1.png'));
    const store = captionsDir(home);
    keepEdit(store, { sha256: edited, own: 'a ball, number 1', text: 'a round ball' }, '2026-01-01T00:00:00.000Z');
  }

  it('holds what lies outside of the folder: archives, more sources, regularisation, masks, edits, LoRAs, a preset; and asks for its base', async () => {
    const images = join(there.dir, 'my pictures 2');
    drawImages(images);
    await madeAndEdited(there, images);
    const inside = readdirSync(images).map((name) => ({ name, path: join(images, name) }));
    await writeZip(join(there.dir, 'set.zip'), inside);
    writeTree(there.dir, {
      'more/a.png': png(96, 96, 3),
      'more/a.txt': 'a cube',
      'even more/b.png': png(96, 128, 4),
      'plain balls/c.png': png(96, 96, 5),
    });
    const added = await there.visiontrain('models', 'add', 'me/tiny', '--id', 'my-tiny', '--family', 'sd15');
    expect(added.code, added.stderr).toBe(0);
    const ball = join(there.dir, 'home', 'runs', 'ball');
    const start = join(ball, JSON.parse(readFileSync(join(ball, 'exit.json'), 'utf8')).outputs[0].path);
    writeFileSync(
      join(there.dir, 'mine.yaml'),
      `version: 1
dataset: {path: ./more}
model: {base: my-tiny}
training: {ema: {decay: 0.9}, dropout: 0.1, rank: 4, alpha: 4}
`,
    );
    const saved = await there.visiontrain('preset', 'save', 'mine', 'mine.yaml');
    expect(saved.code, saved.stderr).toBe(0);
    writeFileSync(
      join(there.dir, 'all.yaml'),
      `version: 1
name: all
dataset:
  path: set.zip
  trigger: zxball
  masks: {from: made}
  resolution: 96
  bucket_step: 32
  bucket_min: 64
  bucket_max: 192
  sources: [{path: ./more, weight: 2, trigger: zxcube}, {path: ./even more}]
  regularisation: {path: ./plain balls, class_word: ball}
captions: {replace: ["a round ball -> a sphere"]}
model: {base: my-tiny, merge_loras: [{path: '${start}', strength: 0.5}]}
training: {steps: 2, batch_size: 2, init_lora: '${start}'}
samples: {every: 0, prompts: []}
hooks: {on_finish: [{run: 'true ${there.dir}'}]}
`,
    );
    const trained = await there.visiontrain('run', 'all.yaml', '--preset', 'mine', '--plain', '--allow-hooks');
    expect(trained.code, trained.stderr).toBe(0);
    const made = await there.visiontrain('export', 'all', '--bundle', 'all.zip', '--images');
    expect([made.code, made.stderr]).toEqual([0, expect.stringContaining('Left out: 1 hook')]);
    const again = await there.visiontrain('export', 'all', '--bundle', 'again.zip', '--images');
    expect(again.code).toBe(0);
    const bytes = readFileSync(join(there.dir, 'all.zip'));
    expect(bytes.equals(readFileSync(join(there.dir, 'again.zip')))).toBe(true);
    for (const secret of [there.dir, process.env.HOME ?? '/root', hub.url])
      expect(bytes.includes(secret), secret).toBe(false);

    copyFileSync(join(there.dir, 'all.zip'), join(here.dir, 'all.zip'));
    const unnamed = await here.visiontrain('run', 'all.zip', '--plain');
    expect([unnamed.code, unnamed.stderr]).toEqual([
      2,
      expect.stringContaining('trained on my-tiny, which no registry lists'),
    ]);
    cpSync(join(import.meta.dirname, '../../presets/tiny/sd15'), join(here.dir, 'base-v1.0'), { recursive: true });
    const told = await here.visiontrain('run', 'all.zip', '--set', 'model.base=./base-v1.0', '--plain');
    expect(told.stderr).toContain('The same to the byte as the LoRA in the bundle');
    expect(told.code).toBe(0);
  });

  it('is refused, before anything is trained, with a base that is another one', async () => {
    const weights = join(here.dir, 'base-v1.0', 'vae', 'diffusion_pytorch_model.safetensors');
    const file = readFileSync(weights);
    // One byte of the first tensor, behind the header.
    const first = 8 + Number(file.readBigUInt64LE(0));
    writeFileSync(weights, file.fill((file[first] ?? 0) ^ 1, first, first + 1));
    const told = await here.visiontrain('run', 'all.zip', '--set', 'model.base=./base-v1.0', '--plain');
    expect([told.code, told.stderr]).toEqual([5, expect.stringContaining('is not the one that all was trained on')]);
    const events = readFileSync(join(here.dir, 'home', 'runs', 'all-2', 'events.jsonl'), 'utf8');
    expect(events).not.toMatch(/"type": ?"step"/u);
  });
});
