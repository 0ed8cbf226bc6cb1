import { endGroup, groupEnds } from '../../base/process/group.ts';
import { pause } from '../../base/sleep.ts';
import { makeRequest } from '../run-folder/requests.ts';
import { readSupervisor } from '../run-folder/run-files.ts';
import { runCondition } from './summary.ts';
import { isTrainerOf } from './trainer-proof.ts';

export interface StopOptions {
  /** Do not wait for the step and its checkpoint: work since the last checkpoint is lost. */
  readonly now: boolean;
  readonly signal?: AbortSignal;
}

/** Seconds an unsupervised trainer gets between SIGTERM and SIGKILL. */
const GRACE = 8;

/**
 * Asks a run to end and waits until nobody of it is left. True when it is over; false when the signal aborted the
 * waiting (the request stays), or when a process cannot be ended. A run that is over already stays as it is.
 */
export async function stopRun(dir: string, { now, signal }: StopOptions): Promise<boolean> {
  if (runCondition(dir).state !== 'live') return true;
  const named = readSupervisor(dir)?.trainer ?? null;
  // Whatever else has that number is nobody's to end.
  const trainer = named !== null && isTrainerOf(dir, named) ? named : null;
  makeRequest(dir, now ? 'kill' : 'stop');
  // Without a supervisor nobody else can end a trainer that does not listen.
  if (now && !runCondition(dir).supervised && trainer !== null && !(await endGroup(trainer.pid, GRACE))) return false;
  for (;;) {
    const { state, supervised } = runCondition(dir);
    if (state !== 'live' && !supervised) break;
    if (signal?.aborted === true) return false;
    await pause(200, signal);
  }
  return trainer === null || groupEnds(trainer.pid, 10);
}
