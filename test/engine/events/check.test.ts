import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { checkedEvent } from '../../../src/engine/events/check.ts';
import { type EventType, payloads } from '../../../src/engine/events/schema.ts';

/** Values of every kind for any key, valid ones among them. */
const anything = fc.oneof(
  fc.constantFrom<unknown>(
    'finished',
    'train',
    'bytes',
    'warn',
    'learned',
    'kohya',
    '',
    null,
    true,
    [],
    {},
    ['a'],
    Number.POSITIVE_INFINITY,
  ),
  fc.constantFrom<unknown>({ loss: 1, stderr: 2 }, { loss: 1 }, { unet: 0.5 }, { device: 'cpu', tf32: false }),
  fc.constantFrom<unknown>([{ fact: 'torch', was: '1', now: null }], [{ fact: 1 }], 0, 1, 7, -1, 0.5, 2 ** 60),
);

function keysOf(type: EventType): string[] {
  return Object.keys((payloads[type] as z.ZodObject).shape);
}

describe('checkedEvent', () => {
  it.each(Object.keys(payloads) as EventType[])('%s: accepts what the schema accepts', (type) => {
    const shape = fc.record(Object.fromEntries(keysOf(type).map((key) => [key, anything])), { requiredKeys: [] });
    fc.assert(
      fc.property(shape, (payload) => {
        const event: object = structuredClone({ v: 2, seq: 1, t: 1, type, ...payload });
        const sound = payloads[type].safeParse(payload).success;
        const before = structuredClone(event);
        const believed = checkedEvent(event);
        if (sound) expect([believed, event]).toEqual([true, before]);
        // An event that is accepted has only valid values left.
        else if (believed) expect(payloads[type].safeParse(event).success).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it('leaves out an optional key with an invalid value, and passes on types that it does not know', () => {
    const step: object = { v: 2, seq: 1, t: 1, type: 'step', step: 1, epoch: 1, loss: 1, lr: 1, grad_norm: null, x: 1 };
    expect(checkedEvent(step)).toBe(true);
    expect(step).toEqual({ v: 2, seq: 1, t: 1, type: 'step', step: 1, epoch: 1, loss: 1, lr: 1, x: 1 });
    expect(checkedEvent({ v: 2, seq: 1, t: 1, type: 'step', step: 1, epoch: 1, loss: '\u001b[2J', lr: 1 })).toBe(false);
    expect(checkedEvent({ v: 2, seq: 1, t: 1, type: 'comet', tail: [1, 2] })).toBe(true);
    expect(checkedEvent({ v: 2, seq: '1', t: 1, type: 'comet' })).toBe(false);
  });

  it('lets nothing through that is nested too deep to be printed', () => {
    const deep: unknown = JSON.parse(`${'['.repeat(100_000)}${']'.repeat(100_000)}`);
    const event: object = { v: 2, seq: 1, t: 1, type: 'comet', deep };
    expect(checkedEvent(event)).toBe(true);
    expect(event).toEqual({ v: 2, seq: 1, t: 1, type: 'comet' });
  });
});
