import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { reduceAll } from '../../../src/engine/events/reducer.ts';
import { initialState, type RunState } from '../../../src/engine/events/run-state.ts';
import type { RunEvent } from '../../../src/engine/events/schema.ts';
import { processorName } from '../../../src/engine/plan/device.ts';
import { type Plan, planSchema } from '../../../src/engine/plan/schema.ts';
import { earlierPace, keepPace, paceLine, paceQuestion } from '../../../src/engine/runs/paces.ts';

const root = join(import.meta.dirname, '../../..');
const fixture = planSchema.parse(JSON.parse(readFileSync(join(root, 'test/fixtures/plan.json'), 'utf8')));

function plan(
  side = 1024,
  changes: { training?: Partial<Plan['training']>; resources?: Partial<Plan['resources']> } = {},
) {
  const images = fixture.data.images.map((sample) => ({ ...sample, bucket: [side, side] as [number, number] }));
  return {
    ...fixture,
    data: { ...fixture.data, images },
    training: { ...fixture.training, ...changes.training },
    resources: { ...fixture.resources, device: 'cuda:0', ...changes.resources },
  };
}

/** The state of a run whose steps took this many seconds. */
function state(seconds: number, { steps = 20, facts = { device_name: 'RTX 4090' } as object } = {}): RunState {
  const events = Array.from({ length: steps }, (_, i) => ({
    type: 'step',
    step: i + 1,
    epoch: 1,
    loss: 1,
    lr: 1,
    t: i * seconds,
  }));
  const all = [
    { type: 'active', facts, t: 0 },
    { type: 'start', step: 0, steps, batches_per_epoch: 1, t: 0 },
    ...events,
  ];
  return reduceAll(initialState, all.map((event, seq) => ({ v: 2, seq, ...event })) as RunEvent[]);
}

const folder = () => join(mkdtempSync(join(tmpdir(), 'vt-pace-')), 'state');
const asked = (dir: string, of: Plan = plan(), card = 'RTX 4090', weights: number | undefined = undefined) =>
  earlierPace(dir, paceQuestion(of, card, weights));

it('tells the duration of a step where a similar run was made on the card, and otherwise nothing', () => {
  const dir = folder();
  expect(asked(dir)).toBeUndefined();
  keepPace(dir, plan(), state(1.5), 6e9);
  expect(asked(dir)).toBeCloseTo(1.5, 6);
  // Settings that change no step leave a run similar, and for images of nearly the same size the duration follows the
  // pixels.
  expect(asked(dir, plan(1024, { training: { learning_rate: 1, rank: 128, steps: 9 } }))).toBeCloseTo(1.5, 6);
  expect(asked(dir, plan(960))).toBeCloseTo(1.5 * (960 / 1024) ** 2, 6);
  for (const other of [
    plan(512),
    plan(1024, { training: { batch_size: 4 } }),
    plan(1024, { training: { text_encoder_learning_rates: [0] } }),
    plan(1024, { resources: { gradient_checkpointing: 'full' } }),
  ])
    expect(asked(dir, other)).toBeUndefined();
  expect(asked(dir, plan(), 'RTX 3090')).toBeUndefined();
  // A base for tests has another speed than its family.
  expect(asked(dir, plan(), 'RTX 4090', 7e6)).toBeUndefined();
});

it('keeps the newest of each kind, of runs that were long enough and undisturbed by lack of memory', () => {
  const dir = folder();
  keepPace(dir, plan(), state(1.5, { steps: 5 }), 6e9);
  const short = { memory: 1, seconds_per_step: 1, images: 1, known: false };
  const large = plan(1024, { training: { batch_size: 4 } });
  keepPace(dir, large, { ...state(1.5), probe: short }, 6e9);
  expect([asked(dir), asked(dir, large)]).toEqual([undefined, undefined]);
  keepPace(dir, plan(), state(1.5), 6e9);
  keepPace(dir, plan(), state(2), 6e9);
  keepPace(dir, plan(768), state(1), 6e9);
  expect(asked(dir)).toBeCloseTo(2, 6);
  expect(JSON.parse(readFileSync(join(dir, 'paces.json'), 'utf8'))).toHaveLength(2);
});

it('knows a processor by its number of threads', () => {
  const dir = folder();
  const onCpu = plan(512, { resources: { device: 'cpu', threads: 4 } });
  keepPace(dir, onCpu, state(30, { facts: { device_name: 'x86_64', cpu: 'Xeon' } }), 6e9);
  expect(asked(dir, onCpu, processorName('Xeon', 4))).toBeCloseTo(30, 6);
  expect(asked(dir, onCpu, processorName('Xeon', 8))).toBeUndefined();
});

it('reads an invalid file as an empty one', () => {
  const dir = folder();
  mkdirSync(dir, { recursive: true });
  for (const text of ['', '{', '{}', '[1, null, {"kind": "x", "pixels": "1", "seconds": 2}]']) {
    writeFileSync(join(dir, 'paces.json'), text);
    expect(asked(dir)).toBeUndefined();
  }
  keepPace(dir, plan(), state(1.5), 6e9);
  expect(asked(dir)).toBeCloseTo(1.5, 6);
});

it('becomes a line of the plan', () => {
  expect(paceLine(1600, 3)).toBe('about 80 min of training: 3.0 s a step, as earlier runs here took');
  expect(paceLine(5000, 0.046)).toBe('about 4 min of training: 46 ms a step, as earlier runs here took');
});
