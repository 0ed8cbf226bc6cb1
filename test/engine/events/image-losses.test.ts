import { expect, it } from 'vitest';
import { byHeartWords, neverWords } from '../../../src/engine/events/image-losses.ts';
import { reduce } from '../../../src/engine/events/reducer.ts';
import { initialState } from '../../../src/engine/events/run-state.ts';
import type { Payload, RunEvent } from '../../../src/engine/events/schema.ts';

const found = (changes: Partial<Payload<'image_losses'>> = {}): Payload<'image_losses'> => ({
  step: 10,
  path: 'image-losses.json',
  images: 12,
  of: 20,
  never: [],
  never_count: 0,
  by_heart: [],
  by_heart_count: 0,
  compared_with: 'others',
  ...changes,
});

it('names pictures that were never learned, four at most', () => {
  expect(neverWords(found())).toBeUndefined();
  const never = ['a.png', 'b.png', 'c.png', 'd.png', 'e.png'];
  expect(neverWords(found({ never, never_count: 30 }))).toBe(
    'a.png, b.png, c.png, d.png and 26 more (a wrong caption, or the odd one out?)',
  );
});

it('names the group with which images known by heart were compared', () => {
  expect(byHeartWords(found())).toBeUndefined();
  expect(byHeartWords(found({ by_heart: ['a.png'], by_heart_count: 1 }))).toBe(
    'a.png (their loss fell far more than that of the others)',
  );
  expect(byHeartWords(found({ by_heart: ['a.png'], by_heart_count: 12, compared_with: 'held_out' }))).toBe(
    'all 12 that were measured (their loss fell far more than that of pictures kept out of training)',
  );
});

it('is kept with the state until a new attempt', () => {
  const at = (seq: number, event: object) => ({ v: 2, seq, t: seq, ...event }) as RunEvent;
  const state = reduce(initialState, at(1, { type: 'image_losses', ...found() }));
  expect(state.imageLosses?.images).toBe(12);
  const run = at(2, { type: 'run', name: 'fox', attempt: 2, steps: 10, host: 'box', version: '1' });
  expect(reduce(state, run).imageLosses).toBeUndefined();
});
