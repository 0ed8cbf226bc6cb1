import { endGroup, groupEnds } from '../../base/process/group.ts';
import { pause } from '../../base/sleep.ts';
import { makeRequest } from '../run-folder/requests.ts';
import { readSupervisor } from '../run-folder/run-files.ts';
import { runCondition } from './summary.ts';
import { isTrainerOf } from './trainer-proof.ts';

export interface StopOptions {
  /**
   * Whether to end the run without waiting for the step and its checkpoint; work since the last checkpoint is then
   * lost.
   */
  readonly now: boolean;
  readonly signal?: AbortSignal;
}

/** Seconds from SIGTERM to SIGKILL for a trainer without a supervisor. */
const GRACE = 8;

/**
 * Asks a run to end and waits until none of its processes is left. Returns true when the run is over. Returns false
 * when the signal aborted the waiting (the request stays), or when a process cannot be ended. A run that is already
 * over is not changed.
 */
export async function stopRun(dir: string, { now, signal }: StopOptions): Promise<boolean> {
  if (runCondition(dir).state !== 'live') return true;
  const named = readSupervisor(dir)?.trainer ?? null;
  // Another process, which has got the number of this run's trainer since, must not be ended.
  const trainer = named !== null && isTrainerOf(dir, named) ? named : null;
  makeRequest(dir, now ? 'kill' : 'stop');
  // Without a supervisor, no other process ends a trainer that does not react to the request.
  if (now && !runCondition(dir).supervised && trainer !== null && !(await endGroup(trainer.pid, GRACE))) return false;
  for (;;) {
    const { state, supervised } = runCondition(dir);
    if (state !== 'live' && !supervised) break;
    if (signal?.aborted === true) return false;
    await pause(200, signal);
  }
  return trainer === null || groupEnds(trainer.pid, 10);
}
