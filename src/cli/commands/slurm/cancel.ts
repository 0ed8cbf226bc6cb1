/** Stops a run whose job waits. It has no process that could be asked, so the job is cancelled. */
import { cancel, isOver, jobState } from '../../../engine/slurm/commands.ts';
import { jobName, readJob } from '../../../engine/slurm/record.ts';

/**
 * Cancels the job of a run if it has one that is not over. Returns the number of the cancelled job; undefined when
 * there was none.
 */
export async function cancelWaiting(dir: string, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const record = readJob(dir);
  if (record === undefined) return undefined;
  const job = jobName(record);
  const state = await jobState(job, env);
  if (state === undefined || isOver(state)) return undefined;
  return (await cancel(job, env)) ? job : undefined;
}
