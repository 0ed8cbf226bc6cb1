import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { renderToString } from 'ink';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pageImages, SamplesPage } from '../../../src/cli/dashboard/overlays.tsx';
import { placeAfter, samplePairs } from '../../../src/cli/dashboard/samples.ts';
import { KEPT, reduceAll } from '../../../src/engine/events/reducer.ts';
import { initialState } from '../../../src/engine/events/run-state.ts';
import type { RunEvent } from '../../../src/engine/events/schema.ts';
import { styleFor } from '../../../src/terminal/style.ts';
import { png } from '../../helpers/png.ts';

const sample = (step: number, index: number, adapter = true): RunEvent => ({
  v: 2,
  seq: step * 10 + index + 1,
  t: step,
  type: 'sample',
  step,
  index,
  path: adapter ? `samples/${step}-${index}.png` : `samples/base-${index}.png`,
  prompt: `prompt ${index}`,
  seed: 1 + index,
  adapter,
});
const base = [sample(0, 0, false), sample(0, 1, false)];
const stateWith = (...events: RunEvent[]) => reduceAll(initialState, [...base, ...events]);

describe('samplePairs', () => {
  it('gives the images of the base alone until the LoRA has made its own', () => {
    expect(samplePairs(stateWith())).toMatchObject([
      { index: 0, without: 'samples/base-0.png', with: undefined },
      { index: 1, without: 'samples/base-1.png', with: undefined },
    ]);
    expect(samplePairs(stateWith(sample(100, 0)))).toMatchObject([
      { index: 0, step: 100, without: 'samples/base-0.png', with: 'samples/100-0.png' },
      { index: 1, step: 0, without: 'samples/base-1.png', with: undefined },
    ]);
  });

  it('has the picture of the base beside the newest one of a run of any length', () => {
    const steps = Array.from({ length: KEPT }, (_, i) => (i + 1) * 50);
    const state = stateWith(...steps.flatMap((step) => [sample(step, 0), sample(step, 1)]));
    expect(state.samples).toHaveLength(KEPT);
    const pairs = samplePairs(state);
    expect(pairs).toHaveLength(KEPT - 2);
    expect(pairs[0]).toMatchObject({ step: KEPT * 50, without: 'samples/base-0.png' });
    expect(pairs.every(({ without, index }) => without === `samples/base-${index}.png`)).toBe(true);
  });

  it('lists a picture that was made twice, at one step, once', () => {
    expect(samplePairs(stateWith(sample(100, 0), sample(100, 1), sample(100, 0)))).toHaveLength(2);
  });
});

describe('placeAfter', () => {
  const before = stateWith(sample(100, 0), sample(100, 1));
  const after = reduceAll(before, [sample(200, 0), sample(200, 1)]);

  it('stays at the pair that is looked at while newer ones come', () => {
    const shown = samplePairs(before)[1];
    const place = placeAfter(before, after, 1);
    expect(place).toBe(3);
    expect(samplePairs(after)[place]).toEqual(shown);
  });

  it('follows the newest where that was looked at, and stays within the pairs', () => {
    expect(placeAfter(before, after, 0)).toBe(0);
    expect(placeAfter(before, before, 1)).toBe(1);
    const alone = stateWith();
    expect(placeAfter(alone, reduceAll(alone, [sample(100, 0), sample(100, 1)]), 1)).toBe(1);
  });
});

describe('the page of samples', () => {
  let runDir = '';
  beforeAll(() => {
    runDir = mkdtempSync(join(tmpdir(), 'samples-'));
    writeFileSync(
      join(runDir, 'base.png'),
      png(32, 32, () => [200, 30, 30]),
    );
  });
  afterAll(() => rmSync(runDir, { recursive: true, force: true }));

  it.each([3, 0] as const)('shows an image of the base that has no partner yet (colour %i)', (colour) => {
    const state = reduceAll(initialState, [{ ...sample(0, 0, false), path: 'base.png' } as RunEvent]);
    const style = styleFor({ colour, unicode: true });
    const size = { columns: 80, rows: 23 };
    const text = renderToString(<SamplesPage {...{ state, runDir, colour, size, style }} at={0} />, { columns: 80 });
    expect(text).toContain('Sample 1 of 1, step 0');
    expect(text).toContain('without the LoRA');
    expect(text).not.toContain('No sample pictures');
    expect(text).toContain(colour === 3 ? '200;30;30' : join(runDir, 'base.png'));
  });

  it.each([
    ['both', [sample(0, 0, false), sample(100, 0)], ['/run/samples/base-0.png', '/run/samples/100-0.png']],
    ['the base alone', [sample(0, 0, false)], ['/run/samples/base-0.png']],
    ['the LoRA alone', [sample(100, 0)], ['/run/samples/100-0.png']],
  ])('leaves rows empty on a terminal that shows images: %s', (_, events, paths) => {
    // A terminal of sixteen colours may show sixels: xterm does.
    const style = styleFor({ colour: 1, unicode: true });
    const size = { columns: 79, rows: 23 };
    const page = { ...{ state: reduceAll(initialState, events), runDir: '/run', colour: 1, size, style }, at: 0 };
    const lines = renderToString(<SamplesPage {...page} real />, { columns: 79 })
      .split('\n')
      .map((line) => stripVTControlCharacters(line).trimEnd());
    const images = pageImages({ ...page, real: true });
    if (images === undefined) throw new Error('no images');
    expect(images.images.map(({ path }) => path)).toEqual(paths);
    expect(lines.slice(images.top, images.top + images.rows).join('')).toBe('');
    expect(lines[images.top - 1]).toBe(
      { 2: `${'without the LoRA'.padEnd(38)}  with it`, 1: paths[0]?.includes('base') ? 'without the LoRA' : '' }[
        paths.length
      ],
    );
    expect(lines.findLastIndex((line) => line.includes('back to the run'))).toBe(images.top + images.rows + 1);
    expect(pageImages({ ...page, real: false })).toBeUndefined();
    expect(pageImages({ ...page, at: 7, real: true })).toBeUndefined();
  });
});
