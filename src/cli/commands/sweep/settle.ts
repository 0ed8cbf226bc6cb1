/** The work between the runs of sweeps: searches get their next run, and finished sweeps are compared. */
import { VisiontrainError } from '../../../base/errors.ts';
import { neutralise } from '../../../base/text.ts';
import { sweepNames } from '../../../engine/search/folder.ts';
import type { Context } from '../../shell/context.ts';
import { compareIfOver, type SweepEnd } from './over.ts';
import { stepSearch } from './step.ts';

/** Does the work for all sweeps in this folder of runs. A sweep with an error does not hold up the others. */
export async function settleSweeps(byPerson: boolean, context: Context): Promise<void> {
  for (const group of sweepNames(context.places.runs))
    await unlessWrong(group, context, async () => {
      await stepSearch(group, { byPerson }, context);
      await compareIfOver(group, context);
    });
}

/** Compares the runs of one sweep if all of them are over. An error is printed, and does not stop the caller. */
export function settleSweep(group: string, context: Context): Promise<SweepEnd | undefined> {
  return unlessWrong(group, context, () => compareIfOver(group, context));
}

async function unlessWrong<T>(group: string, { out }: Context, job: () => Promise<T>): Promise<T | undefined> {
  try {
    return await job();
  } catch (error) {
    if (!(error instanceof VisiontrainError)) throw error;
    out.wrapped(neutralise(`! ${group}: ${error.message}`));
    return undefined;
  }
}
