import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { secondsLeft, secondsPerStep } from '../../../src/engine/events/pace.ts';
import { KEPT, reduce, reduceAll } from '../../../src/engine/events/reducer.ts';
import { currentPhase, initialState, type RunState, workedSeconds } from '../../../src/engine/events/run-state.ts';
import type { EventType, Payload, RunEvent } from '../../../src/engine/events/schema.ts';
import {
  appendSeries,
  emptySeries,
  SERIES_MAX_POINTS,
  seriesPoints,
  truncateSeries,
} from '../../../src/engine/events/series.ts';

let seq = 0;
function event<T extends EventType>(t: number, type: T, payload: Payload<T>): RunEvent {
  seq += 1;
  return { v: 2, seq, t, type, ...payload } as unknown as RunEvent;
}
const step = (t: number, n: number, loss = 0.1) =>
  event(t, 'step', { step: n, epoch: 0, loss, lr: 1e-4, images_per_second: 2 });
const start = (t: number, n: number, steps = 1000) => event(t, 'start', { step: n, steps, batches_per_epoch: 10 });
const run = (t: number, attempt = 1) =>
  event(t, 'run', { name: 'fox', attempt, steps: 1000, host: 'box', version: '0.1.0' });
const steps = (from: number, to: number, t: number, each: number) =>
  Array.from({ length: to - from }, (_, i) => step(t + (i + 1) * each, from + i + 1));

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) freeze(inner);
  }
  return value;
}

describe('reduce', () => {
  it('tells a whole run', () => {
    const state = reduceAll(initialState, [
      run(100),
      event(100, 'phase', { phase: 'download', detail: 'SD 1.5' }),
      event(101, 'progress', { phase: 'download', item: 'a.safetensors', unit: 'bytes', done: 5, total: 10 }),
      event(102, 'progress', { phase: 'download', item: 'b.safetensors', unit: 'bytes', done: 1 }),
      event(103, 'phase', { phase: 'train' }),
      event(103, 'active', { facts: { device: 'cpu' } }),
      start(104, 0),
      ...steps(0, 10, 104, 1),
      event(115, 'validation', { step: 10, loss: 0.09, stderr: 0.01, images: 4 }),
      event(116, 'checkpoint', { step: 10, path: 'checkpoints/10', bytes: 7, best: true }),
      event(117, 'sample_failed', { step: 10, reason: 'no memory' }),
      event(118, 'learned', { verdict: 'learned', weight_change: { unet: 0.004 }, best_step: 10 }),
      event(119, 'output', { path: 'output/fox.safetensors', bytes: 9, sha256: 'a'.repeat(64), format: 'kohya' }),
      event(120, 'result', { status: 'finished', code: 0, step: 10 }),
      event(121, 'exit', { status: 'finished', code: 0, step: 10 }),
    ]);
    expect(state).toMatchObject({
      name: 'fox',
      attempt: 1,
      step: 10,
      bestStep: 10,
      startedAt: 100,
      lastEventAt: 121,
      active: { device: 'cpu' },
      exit: { status: 'finished' },
      notes: [{ level: 'warn', text: expect.stringContaining('no memory') }],
      outputs: [{ path: 'output/fox.safetensors' }],
    });
    expect(state.phases.map((p) => [p.phase, p.startedAt, p.endedAt])).toEqual([
      ['download', 100, 103],
      ['train', 103, 120],
    ]);
    expect(state.phases[0]?.items['a.safetensors']).toMatchObject({ done: 5, total: 10 });
    expect(currentPhase(state)).toBeUndefined();
    expect(seriesPoints(state.loss)).toHaveLength(10);
  });

  it('goes back in step when a run is resumed from a checkpoint', () => {
    const first = reduceAll(initialState, [
      run(0),
      start(0, 0),
      ...steps(0, 50, 0, 1),
      event(51, 'checkpoint', { step: 40, path: 'checkpoints/40', bytes: 1, best: true }),
      event(51, 'sample', { step: 45, index: 0, path: 's', prompt: 'p', seed: 1, adapter: true }),
      event(52, 'result', { status: 'failed', code: 5, step: 50, reason: 'power cut' }),
      event(52, 'exit', { status: 'failed', code: 5, step: 50 }),
    ]);
    const again = reduceAll(first, [run(900, 2), start(905, 40), ...steps(40, 43, 905, 1)]);
    expect(again).toMatchObject({
      attempt: 2,
      step: 43,
      startStep: 40,
      startedAt: 0,
      attemptStartedAt: 900,
      bestStep: 40,
    });
    // The state counts 52 seconds of the first attempt and 8 of this one; the time between is not work.
    expect(workedSeconds(first)).toBe(52);
    expect(workedSeconds(again)).toBe(60);
    expect(again.exit).toBeUndefined();
    expect(again.result).toBeUndefined();
    expect(again.samples).toEqual([]);
    expect(again.checkpoints).toHaveLength(1);
    const xs = seriesPoints(again.loss).map((p) => p.x);
    expect(xs).toEqual(xs.toSorted((a, b) => a - b));
    expect(xs.at(-1)).toBe(43);
    expect(new Set(xs).size).toBe(43);
    // The hours between the two attempts do not count as a step's duration.
    expect(secondsPerStep(again.pace)).toBeCloseTo(1);
  });

  it('never changes a state it was given', () => {
    let state: RunState = freeze(initialState);
    for (const e of [run(0), start(0, 0), ...steps(0, 300, 0, 1), start(400, 100), ...steps(100, 110, 400, 1)])
      state = freeze(reduce(state, freeze(e)));
    expect(state.step).toBe(110);
  });

  it('ignores types it does not know, apart from the clock', () => {
    const before = reduceAll(initialState, [run(0), start(0, 0)]);
    const after = reduce(before, { v: 2, seq: 99, t: 5, type: 'comet', tail: 'long' } as unknown as RunEvent);
    expect(after).toEqual({ ...before, lastSeq: 99, lastEventAt: 5 });
  });

  it('stays small over a million events', () => {
    let state = reduce(reduce(initialState, run(0)), start(0, 0, 1_000_000));
    for (let i = 0; i < 960_000; i += 10_000) state = reduceAll(state, steps(i, i + 10_000, i, 1));
    for (let i = 0; i < 20_000; i++) {
      state = reduce(state, event(1e6, 'note', { level: 'info', text: `n${i}` }));
      state = reduce(state, event(1e6, 'progress', { phase: 'train', item: `f${i}`, unit: 'bytes', done: 1 }));
    }
    expect(state.notes).toHaveLength(KEPT);
    expect(state.notes.at(-1)?.text).toBe('n19999');
    expect(seriesPoints(state.loss).length).toBeLessThanOrEqual(SERIES_MAX_POINTS);
    expect(seriesPoints(state.loss).length).toBeGreaterThan(1_500);
    expect(JSON.stringify(state).length).toBeLessThan(1_000_000);
  });
});

it('keeps few facts and samples of a file that holds a new one in each line', () => {
  const adapter = { name: 'fox', strength: 1 };
  const events = Array.from({ length: 20_000 }, (_, i) =>
    i % 2 === 0
      ? event(i, 'active', { facts: { [`fact ${i}`]: `${i}` } })
      : event(i, 'sample', { step: i, prompt: 'a', seed: 1, path: `samples/${i}.png`, adapter } as never),
  );
  const state = reduceAll(initialState, events);
  expect(state.samples.length).toBeLessThanOrEqual(KEPT);
  expect(state.samples.at(-1)).toMatchObject({ path: 'samples/19999.png' });
  expect(Object.keys(state.active).length).toBeLessThanOrEqual(300);
  expect(state.active).toMatchObject({ 'fact 0': '0' });
});

describe('time left', () => {
  it('is the median of plain steps, with samples and checkpoints budgeted apart', () => {
    const events = [run(0), start(0, 0, 400), ...steps(0, 100, 0, 1)];
    // The sample at step 100 takes 50 s, a hundred steps of 1 s follow, and the same once more.
    events.push(event(101, 'sample', { step: 100, index: 0, path: 's', prompt: '', seed: 1, adapter: true }));
    events.push(step(151, 101), ...steps(101, 200, 151, 1));
    const state = reduceAll(initialState, events);
    expect(secondsPerStep(state.pace)).toBeCloseTo(1);
    // What is left is 200 steps of 1 s and, at the measured rate, 50 s per 101 steps.
    expect(secondsLeft(state.pace, 400, 250)).toBeCloseTo(200 + (200 * 50) / 101, 0);
  });

  it('is not moved by one slow step, counts down between events and is never negative', () => {
    const state = reduceAll(initialState, [
      run(0),
      start(0, 0, 100),
      ...steps(0, 40, 0, 1),
      step(200, 41),
      step(201, 42),
    ]);
    expect(secondsLeft(state.pace, 100, 201)).toBeCloseTo(58);
    expect(secondsLeft(state.pace, 100, 211)).toBeCloseTo(48);
    expect(secondsLeft(state.pace, 100, 9999)).toBe(0);
  });

  it('is unknown before two steps', () => {
    const state = reduceAll(initialState, [run(0), start(0, 0), step(1, 1)]);
    expect(secondsLeft(state.pace, 100, 1)).toBeUndefined();
  });
});

describe('series', () => {
  it('keeps order, bounds and mean whatever is appended', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20_000 }), fc.integer({ min: 0, max: 20_000 }), (count, cut) => {
        let series = emptySeries;
        for (let x = 0; x < count; x++) series = appendSeries(series, x, x % 7);
        const points = seriesPoints(series);
        expect(points.length).toBeLessThanOrEqual(SERIES_MAX_POINTS);
        expect(points.at(-1)?.x).toBe(count - 1);
        for (const point of points) expect(point.y >= 0 && point.y <= 6).toBe(true);
        const kept = seriesPoints(truncateSeries(series, cut));
        expect(kept).toEqual(points.filter((p) => p.x <= cut));
      }),
      { numRuns: 40 },
    );
  });

  it('leaves out values that are not numbers', () => {
    expect(seriesPoints(appendSeries(emptySeries, 1, Number.NaN))).toEqual([]);
  });
});
