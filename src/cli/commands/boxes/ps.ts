/** `ps --all`: the runs of this machine and of all boxes in one table. */
import { z } from 'zod';
import { VisiontrainError } from '../../../base/errors.ts';
import { knownBoxes } from '../../../engine/boxes/known.ts';
import { farCommand } from '../../../engine/boxes/program.ts';
import { runThere } from '../../../engine/boxes/ssh.ts';
import type { RunSummary } from '../../../engine/runs/summary.ts';
import type { Context } from '../../shell/context.ts';
import { stopSignals } from '../shared/steps/stop-signals.ts';
import { connect } from './connect.ts';

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
  /** Their names are `box:run`, as every command takes them. */
  readonly runs: readonly RunSummary[];
  readonly error: VisiontrainError | undefined;
}

/** Milliseconds after which a box that says nothing is passed over. */
const LIMIT = 60_000;

/** The runs of every box, all asked at once. A box that cannot be reached has an error in place of runs. */
export async function farRuns(context: Context): Promise<FarRuns[]> {
  const stop = stopSignals();
  const ask = async (box: ReturnType<typeof knownBoxes>[number]): Promise<FarRuns> => {
    try {
      const far = await connect(
        box,
        { ...context, flags: { ...context.flags, json: true } },
        { signal: stop.signal, tries: 0 },
      );
      const { stdout } = await runThere(far.line, farCommand(far, ['ps', '--json']), { limit: LIMIT });
      const runs = z.array(runSchema).parse(JSON.parse(stdout)) as unknown as RunSummary[];
      return {
        box: box.name,
        runs: runs.map((run) => ({ ...run, name: `${box.name}:${run.name}` })),
        error: undefined,
      };
    } catch (error) {
      if (!(error instanceof VisiontrainError) || stop.signal.aborted) throw error;
      return { box: box.name, runs: [], error };
    }
  };
  return Promise.all(knownBoxes(context.places.config).map(ask)).finally(stop.off);
}
