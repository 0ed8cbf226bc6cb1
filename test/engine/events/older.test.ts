import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { withNamesOfToday } from '../../../src/engine/events/older.ts';
import { EVENTS_VERSION } from '../../../src/engine/events/schema.ts';
import { readEvents } from '../../../src/engine/events/tail.ts';

const head = { v: 1, seq: 1, t: 1 };
const lists = { never: [], never_count: 0, by_heart: [], by_heart_count: 0 };
const losses = { step: 1, path: 'image-losses.json', of: 3, ...lists, compared_with: 'others' };

it.each([
  [
    { type: 'progress', phase: 'cache', unit: 'pictures', done: 1 },
    { type: 'progress', phase: 'cache', unit: 'images', done: 1 },
  ],
  [
    { type: 'progress', phase: 'download', unit: 'bytes', done: 1 },
    { type: 'progress', phase: 'download', unit: 'bytes', done: 1 },
  ],
  [
    { type: 'probe', memory: 1, seconds_per_step: 1, pictures: 2, known: true },
    { type: 'probe', memory: 1, seconds_per_step: 1, images: 2, known: true },
  ],
  [
    { type: 'step', step: 1, epoch: 1, loss: 1, lr: 1, pictures_per_second: 3 },
    { type: 'step', step: 1, epoch: 1, loss: 1, lr: 1, images_per_second: 3 },
  ],
  [
    { type: 'validation', step: 1, loss: 1, stderr: 1, pictures: 4 },
    { type: 'validation', step: 1, loss: 1, stderr: 1, images: 4 },
  ],
  [
    { type: 'image_losses', ...losses, pictures: 3 },
    { type: 'image_losses', ...losses, images: 3 },
  ],
  [
    { type: 'learnt', verdict: 'learnt', moved: { unet: 0.1 } },
    { type: 'learned', verdict: 'learned', weight_change: { unet: 0.1 } },
  ],
  [
    { type: 'learnt', verdict: 'nothing', moved: {} },
    { type: 'learned', verdict: 'nothing', weight_change: {} },
  ],
])('a line of version 1 is read with the names of today: %j', (old, now) => {
  const dir = mkdtempSync(join(tmpdir(), 'visiontrain-older-'));
  appendFileSync(join(dir, 'events.jsonl'), `${JSON.stringify({ ...head, ...old })}\n`);
  expect([...readEvents(dir)].flat()).toEqual([{ ...head, ...now, v: EVENTS_VERSION }]);
  rmSync(dir, { recursive: true });
});

it('leaves lines of today, and lines that are no events, as they are', () => {
  for (const line of [null, 3, 'x', [], {}, { ...head, v: EVENTS_VERSION, type: 'step', pictures_per_second: 3 }]) {
    expect(withNamesOfToday(structuredClone(line))).toEqual(line);
  }
  expect(withNamesOfToday({ ...head, type: 'constructor', pictures: 1 })).toMatchObject({ pictures: 1 });
});
