/** Errors that the trainer reports: `trainer/tests/test_error_samples.py` causes them and stores them as JSON. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { crashed, type Sample } from './scene.ts';

/** Ids of errors that only the trainer reports. */
export type TrainerId =
  | 'bug/trainer'
  | 'dataset/unreadable'
  | 'dataset/mask'
  | 'run/no-original'
  | 'environment/optimizer'
  | 'judge/memory'
  | 'sample/memory'
  | 'training/memory'
  | 'training/not-finite'
  | 'training/overflow'
  | 'training/burnt'
  | 'training/nothing-learned'
  | 'training/checkpoint'
  | 'training/cache'
  | 'training/layers'
  | 'training/lost-process'
  | 'training/rendezvous'
  | 'model/mismatch'
  | 'model/not-finite'
  | 'model/predicts-nothing'
  | 'model/zeros';

interface Told {
  readonly id: string;
  readonly code: number;
  readonly reason: string;
  readonly details: string[];
  readonly next_steps: string[];
}

const told: readonly Told[] = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../golden/trainer-errors.json'), 'utf8'),
);

/** The end of a run for each id that the trainer reports. */
export const trainerSamples: Readonly<Record<string, Sample>> = Object.fromEntries(
  told.map(({ id, code, reason, details, next_steps }) => [
    id,
    crashed({ code, result: { status: 'failed', code, step: 992, id, reason, details, next_steps } }),
  ]),
);
