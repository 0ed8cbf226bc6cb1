import { pause } from '../events/tail.ts';
import { endGroup, groupEnds } from '../process/group.ts';
import { isAlive } from '../process/identity.ts';
import { readSupervisor, runCondition } from './inspect.ts';
import { makeRequest } from './requests.ts';

export interface StopOptions {
  /** Do not wait for the step and its checkpoint: work since the last checkpoint is lost. */
  readonly now: boolean;
  readonly signal?: AbortSignal;
}

/** Seconds an unsupervised trainer gets between SIGTERM and SIGKILL. */
const GRACE = 8;

/**
 * Asks a run to end and waits until nobody of it is left. True when it is over; false when the signal aborted the
 * waiting: the request stays. A run that is over already stays as it is.
 */
export async function stopRun(dir: string, { now, signal }: StopOptions): Promise<boolean> {
  if (runCondition(dir).state !== 'live') return true;
  const trainer = readSupervisor(dir)?.trainer ?? null;
  makeRequest(dir, now ? 'kill' : 'stop');
  // Without a supervisor nobody else can end a trainer that does not listen.
  if (now && !runCondition(dir).supervised && trainer !== null && isAlive(trainer) === true)
    await endGroup(trainer.pid, GRACE);
  for (;;) {
    const { state, supervised } = runCondition(dir);
    if (state !== 'live' && !supervised) break;
    if (signal?.aborted === true) return false;
    await pause(200, signal);
  }
  return trainer === null || isAlive(trainer) === 'elsewhere' || groupEnds(trainer.pid, 10);
}
