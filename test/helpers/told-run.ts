/** A run folder with a complete history: plan, run.yaml, events, samples and the end, without a trainer. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RunEvent } from '../../src/engine/events/schema.ts';
import type { RunExit } from '../../src/engine/run-folder/layout.ts';
import type { RunRef } from '../../src/engine/runs/create.ts';
import type { FixtureHome } from './fixture-run.ts';
import { png } from './png.ts';
import { trainingStory } from './run-story.ts';

export interface Told {
  readonly name?: string;
  readonly steps?: number;
  readonly every?: number;
  /** Side of the samples in pixels. */
  readonly side?: number;
  /** Whether all samples are the same image, which is quick to make. */
  readonly alike?: boolean;
  /** Changes each event before it is written. */
  readonly change?: (event: RunEvent) => RunEvent;
  /** Left out: the run has no exit.json. */
  readonly exit?: Partial<RunExit> | null;
}

/** Writes the files of a run of `steps` steps that learned. */
export function tellRun(home: FixtureHome, told: Told = {}): RunRef {
  const {
    name = 'fox-emblem',
    steps = 800,
    every = 200,
    side = 64,
    change = (event) => event,
    exit = {},
    alike = false,
  } = told;
  const run = home.create(steps, name);
  const end = 1_790_000_000;
  const events = trainingStory({ name, steps, upTo: steps, every, end });
  const last: object[] = [
    {
      type: 'learned',
      verdict: 'learned',
      weight_change: { 'unet.down': 0.021, 'unet.middle': 0.017, 'unet.up': 0.026, text_encoder: 0.004 },
      before: { loss: 0.118, stderr: 0.0021 },
      after: { loss: 0.0934, stderr: 0.0017 },
      best_step: steps - every,
      reason: 'The loss on pictures that were not trained on fell from 0.1180 to 0.0934, on 4 of 4 of them.',
    },
    { type: 'output', path: `output/${name}.safetensors`, bytes: 91_000_000, sha256: 'ab'.repeat(32), format: 'kohya' },
    { type: 'exit', status: 'finished', code: 0, step: steps, reason: 'finished' },
  ];
  const all = [
    ...events,
    ...last.map((event, i) => ({ v: 2, seq: events.length + i + 1, t: end + i, ...event }) as RunEvent),
  ].map(change);
  writeFileSync(join(run.dir, 'events.jsonl'), all.map((event) => `${JSON.stringify(event)}\n`).join(''));
  mkdirSync(join(run.dir, 'attempts'), { recursive: true });
  writeFileSync(join(run.dir, 'attempts', '1.json'), '{}');
  const one = alike ? scene(side, 1) : undefined;
  for (const event of all)
    if (event.type === 'sample' && /^samples\/[\w-]+\.png$/.test(event.path))
      writeFileSync(
        join(run.dir, event.path),
        one ?? scene(side, event.step + event.index * 7 + (event.adapter ? 1 : 0)),
      );
  if (exit !== null)
    writeFileSync(
      join(run.dir, 'exit.json'),
      JSON.stringify({
        status: 'finished',
        code: 0,
        reason: 'finished',
        step: steps,
        outputs: [{ path: `output/${name}.safetensors`, bytes: 91_000_000, sha256: 'ab'.repeat(32) }],
        details: [],
        next_steps: [],
        ...exit,
      }),
    );
  return run;
}

/** An image with soft colours and some grain, as a photo has. */
function scene(side: number, seed: number): Buffer {
  const wave = (x: number, y: number, phase: number) =>
    128 + 90 * Math.sin((x / side) * 5 + phase + seed) * Math.cos((y / side) * 4 - phase * 2);
  const grain = (x: number, y: number) => ((x * 7919 + y * 104729 + seed * 31) % 17) - 8;
  return png(side, side, (x, y) => {
    const g = grain(x, y);
    return [wave(x, y, 0) + g, wave(x, y, 2) + g, wave(x, y, 4) + g];
  });
}
