/**
 * Events of made-up runs, as the supervisor and the trainer write them. A test checks that they are valid against the
 * schema.
 */
import type { RunEvent } from '../../src/engine/events/schema.ts';

type Bare = { [T in RunEvent['type']]: Omit<Extract<RunEvent, { type: T }>, 'v' | 'seq' | 't'> }[RunEvent['type']];

/** Numbers and dates lines `[seconds since the line before, event]`. */
export function story(start: number, lines: readonly (readonly [number, Bare])[]): RunEvent[] {
  let t = start;
  return lines.map(([seconds, event], i) => {
    t += seconds;
    return { v: 2, seq: i + 1, t, ...event } as RunEvent;
  });
}

export interface TrainingStory {
  readonly name: string;
  readonly steps: number;
  /** Number of steps already done. */
  readonly upTo: number;
  readonly every: number;
  /** Seconds since 1970 of the newest event. */
  readonly end: number;
}

/** A run that was prepared and trains: falling loss, and validations, checkpoints and samples every `every` steps. */
export function trainingStory({ name, steps, upTo, every, end }: TrainingStory): RunEvent[] {
  const lines: [number, Bare][] = [
    [0, { type: 'run', name, attempt: 1, steps, host: 'box', version: '0.1.0' }],
    [0.2, { type: 'phase', phase: 'environment' }],
    [0.3, { type: 'phase', phase: 'load' }],
    [4, { type: 'active', facts: { device: 'NVIDIA RTX 4070', precision: 'bf16', torch: '2.13.0' } }],
    [1, { type: 'phase', phase: 'cache' }],
    [20, { type: 'progress', phase: 'cache', unit: 'images', done: 40, total: 40, rate: 1.9 }],
    [1, { type: 'phase', phase: 'train' }],
    [0.1, { type: 'note', level: 'info', text: 'text and latents cached: 40 pictures in 21 s' }],
    [0.1, { type: 'start', step: 0, steps, batches_per_epoch: 160 }],
    ...samples(0, false),
    ...samples(0, true),
  ];
  for (let step = 1; step <= upTo; step += 1) {
    const noise = Math.sin(step * 12.9898) * 0.02 * Math.sin(step * 0.37);
    const loss = 0.07 + 0.07 * Math.exp(-step / (steps / 4)) + noise;
    const lr = 1e-4 * 0.5 * (1 + Math.cos((Math.PI * step) / steps));
    const epoch = Math.floor((step - 1) / 160) + 1;
    lines.push([0.5, { type: 'step', step, epoch, loss, lr, images_per_second: 1.9, memory: 9.6e9 }]);
    if (step % every !== 0) continue;
    const value = 0.088 + 0.03 * Math.exp(-step / (steps / 3));
    lines.push([1, { type: 'validation', step, loss: value, stderr: 0.0011, images: 4 }]);
    lines.push([1, { type: 'checkpoint', step, path: `checkpoints/${step}`, bytes: 91e6, best: true }]);
    lines.push(...samples(step, true));
  }
  const length = lines.reduce((sum, [seconds]) => sum + seconds, 0);
  return story(end - length, lines);
}

export const prompts = ['zfxmblm, a fox emblem on a blue field', 'zfxmblm, stitched on a jacket'];

function samples(step: number, adapter: boolean): [number, Bare][] {
  return prompts.map((prompt, index) => [
    1,
    {
      type: 'sample',
      step,
      index,
      prompt,
      seed: index + 1,
      adapter,
      path: `samples/${String(step).padStart(6, '0')}-${index}${adapter ? '' : '-base'}.png`,
    },
  ]);
}
