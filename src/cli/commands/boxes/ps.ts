/** Carries out `ps --all`: lists the runs of this machine and of all boxes in one table. */
import { z } from 'zod';
import type { VisiontrainError } from '../../../base/errors.ts';
import type { RunSummary } from '../../../engine/runs/summary.ts';
import type { Context } from '../../shell/context.ts';
import { askBoxes } from './ask-all.ts';

const runSchema = z.looseObject({
  name: z.string(),
  dir: z.string(),
  state: z.enum(['created', 'live', 'finished', 'stopped', 'failed', 'died', 'unreadable']),
  phase: z.string().nullable(),
  step: z.number(),
  steps: z.number(),
  seconds_left: z.number().nullable(),
  device: z.string().nullable(),
  started_at: z.number(),
  supervised: z.boolean(),
  problem: z.string().nullable(),
});

export interface FarRuns {
  readonly box: string;
  /** The runs; their names are `box:run`, as every command accepts them. */
  readonly runs: readonly RunSummary[];
  readonly error: VisiontrainError | undefined;
}

/** The runs of every box, asked in parallel. A box that cannot be reached has an error in place of runs. */
export async function farRuns(context: Context): Promise<FarRuns[]> {
  const read = (text: string) => z.array(runSchema).parse(JSON.parse(text)) as unknown as RunSummary[];
  const answers = await askBoxes(['ps', '--json'], read, context);
  return answers.map(({ box, answer = [], error }) => ({
    ...{ box, error },
    runs: answer.map((run) => ({ ...run, name: `${box}:${run.name}` })),
  }));
}
