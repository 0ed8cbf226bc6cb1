/** `stop` of a run whose job waits: there is no process that could be asked, so the job is cancelled. */
import { cancel, isOver, jobState } from '../../../engine/slurm/commands.ts';
import { jobName, readJob } from '../../../engine/slurm/record.ts';

/** Cancels the job of a run if it has one that is not over. Returns the job's number when it did. */
export async function cancelWaiting(dir: string, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const record = readJob(dir);
  if (record === undefined) return undefined;
  const job = jobName(record);
  const state = await jobState(job, env);
  if (state === undefined || isOver(state)) return undefined;
  return (await cancel(job, env)) ? job : undefined;
}
