import { expect, it } from 'vitest';
import { probeApart, probeNote } from '../../../src/engine/events/probe.ts';
import { reduce } from '../../../src/engine/events/reducer.ts';
import { initialState } from '../../../src/engine/events/run-state.ts';
import type { Payload, RunEvent } from '../../../src/engine/events/schema.ts';

const found = (changes: Partial<Payload<'probe'>> = {}): Payload<'probe'> => ({
  memory: 7.1e9,
  counted: 7e9,
  seconds_per_step: 1.234,
  images: 4,
  known: false,
  ...changes,
});

it('says what a step takes, and warns when measured and counted memory are a tenth apart', () => {
  expect(probeNote(found())).toEqual({
    level: 'info',
    text: "Two steps were tried: one, with 4 pictures at once, takes 7.1 GB of the card's memory and 1.2 s.",
  });
  expect(probeNote(found({ memory: 8.4e9, images: 1, seconds_per_step: 0.05, known: true }))).toEqual({
    level: 'warn',
    text: "As an earlier run of this kind found, a step takes 8.4 GB of the card's memory and 50 ms. That is 20 % more than the 7.0 GB that were counted.",
  });
  expect(probeNote(found({ memory: 3.5e9 }))).toMatchObject({ level: 'warn', text: /50 % less/ });
  expect(probeNote(found({ memory: 7.6e9 })).level).toBe('info');
  const { counted: _, ...uncounted } = found({ memory: 9e9 });
  expect(probeNote(uncounted).level).toBe('info');
  expect(probeApart(uncounted)).toBeUndefined();
});

it('is kept with the state and shown among its notes', () => {
  const event = { v: 2, seq: 1, t: 5, type: 'probe', ...found({ memory: 9e9 }) } as RunEvent;
  const state = reduce(initialState, event);
  expect(state.probe?.memory).toBe(9e9);
  expect(state.notes).toEqual([{ ...probeNote(found({ memory: 9e9 })), t: 5 }]);
});
