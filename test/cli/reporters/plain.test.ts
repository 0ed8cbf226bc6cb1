import { describe, expect, it } from 'vitest';
import { jsonReporter } from '../../../src/cli/reporters/json.ts';
import { plainReporter } from '../../../src/cli/reporters/plain.ts';
import type { EventType, Payload, RunEvent } from '../../../src/engine/events/schema.ts';

let seq = 0;
const T0 = new Date(2026, 4, 1, 14, 29, 2).getTime() / 1000;
function event<K extends EventType>(after: number, type: K, payload: Payload<K>): RunEvent {
  seq += 1;
  return { v: 2, seq, t: T0 + after, type, ...payload } as unknown as RunEvent;
}
function lines(events: readonly RunEvent[]): string[] {
  const written: string[] = [];
  const reporter = plainReporter((line) => written.push(line));
  for (const e of events) reporter.events([e]);
  return written;
}
const run = event(0, 'run', { name: 'fox', attempt: 1, steps: 200, host: 'box', version: '0.1.0' });
const step = (after: number, n: number) =>
  event(after, 'step', { step: n, epoch: 0, loss: 0.1, lr: 1e-4, images_per_second: 1.9 });

describe('plain lines', () => {
  it('hold no control characters, and pass on events that a later version may write', () => {
    const odd = { ...event(1, 'phase', { phase: 'cache' }), phase: '\u001b]0;title\u0007later' } as unknown as RunEvent;
    expect(lines([run, odd]).at(-1)).toBe('14:29:03 \ufffd]0;title\ufffdlater \ufffd]0;title\ufffdlater');
  });

  it('tell a run in one line for each event that matters, the time first', () => {
    expect(
      lines([
        run,
        event(1, 'phase', { phase: 'cache' }),
        event(2, 'progress', { phase: 'cache', unit: 'images', done: 40, total: 40 }),
        event(3, 'heartbeat', { phase: 'cache' }),
        event(4, 'validation', { step: 0, loss: 0.1127, stderr: 0.0011, images: 4 }),
        event(5, 'checkpoint', { step: 100, path: 'c', bytes: 1, best: true }),
        event(6, 'sample', { step: 0, index: 0, path: 'samples/0.png', prompt: 'p', seed: 1, adapter: false }),
        event(7, 'learned', {
          verdict: 'learned',
          weight_change: { 'U-Net': 0.0041 },
          before: { loss: 0.1127, stderr: 0.001 },
          after: { loss: 0.0894, stderr: 0.0011 },
        }),
        event(8, 'learned', {
          verdict: 'unknown',
          weight_change: { 'U-Net': 0.0041 },
          before: { loss: 0.1127, stderr: 0.001 },
          after: { loss: 0.1126, stderr: 0.0011 },
          reason: 'Loss at fixed noise: not clearly lower (difference 0.0001).',
        }),
        event(71, 'exit', { status: 'stopped', code: 75, step: 100, reason: 'stopped on request' }),
      ]),
    ).toEqual([
      '14:29:02 run      fox: 200 steps',
      '14:29:03 cache    encoding pictures and captions',
      '14:29:04 cache    40 of 40 pictures',
      '14:29:06 check    step 0: validation loss 0.1127 ± 0.0011',
      '14:29:07 saved    checkpoint at step 100 (best so far)',
      '14:29:08 sample   samples/0.png (without the LoRA)',
      '14:29:09 learned  yes; validation loss 0.1127 → 0.0894 ± 0.0011; weights changed: U-Net 0.41 %',
      '14:29:10 learned  cannot be told; weights changed: U-Net 0.41 %; Loss at fixed noise: not clearly lower (difference 0.0001).',
      '14:30:13 stopped  exit 75, step 100 of 200 in 71 s: stopped on request',
    ]);
  });

  it('show progress at most every tenth of the run or every minute, and at the end', () => {
    const fast = [run, event(0, 'start', { step: 0, steps: 200, batches_per_epoch: 1 })];
    for (let n = 1; n <= 200; n++) fast.push(step(n * 0.1, n));
    const shown = lines(fast).filter((line) => line.includes('train'));
    expect(shown).toHaveLength(11);
    expect(shown[1]).toBe('14:29:04 train    step 20/200 10 %  loss 0.1000  1.9 pictures/s  18 s left');
    expect(shown.at(-1)).toContain('step 200/200 100 %');
    const slow = [run, ...Array.from({ length: 10 }, (_, i) => step((i + 1) * 25, i + 1))];
    // Step 1 is printed, then one step a minute: at 25 s a step that is each third step.
    expect(lines(slow).filter((line) => line.includes('train'))).toHaveLength(4);
  });

  it('tell how fast pictures are encoded and when that ends', () => {
    const going = event(9, 'progress', { phase: 'cache', unit: 'images', done: 3, total: 40, rate: 0.25 });
    expect(lines([run, event(0, 'phase', { phase: 'cache' }), going]).at(-1)).toBe(
      '14:29:11 cache    3 of 40 pictures  4.0 s/picture  2 min left',
    );
  });

  it('let no text from outside move the cursor', () => {
    const [, line] = lines([run, event(0, 'note', { level: 'warn', text: 'cap\x1b[2Jtion\nsecond‮' })]);
    expect(line).toBe('14:29:02 warning  cap\ufffd[2Jtion second\ufffd');
  });
});

it('json gives every event, unknown ones too, as it came', () => {
  const written: unknown[] = [];
  const comet = { v: 2, seq: 9, t: 1, type: 'comet', tail: 'é' } as unknown as RunEvent;
  jsonReporter((value) => written.push(value)).events([run, comet]);
  expect(written).toEqual([run, comet]);
});
