/**
 * What a job of Slurm does before it begins: it makes sure that nothing else trains its run. Slurm puts a job back when
 * it takes a node for dead, but the processes there may live on: only Slurm's own daemon died, or the network broke.
 */
import { hostname } from 'node:os';
import { join } from 'node:path';
import { EnvironmentError, UsageError } from '../../../base/errors.ts';
import { lastHolder, SILENT_MS } from '../../../base/process/claim.ts';
import { isAlive } from '../../../base/process/identity.ts';
import { pause } from '../../../base/sleep.ts';
import { RUN_FILES, type SupervisorFile } from '../../../engine/run-folder/layout.ts';
import { readSupervisor } from '../../../engine/run-folder/run-files.ts';
import type { RunRef } from '../../../engine/runs/create.ts';
import { stopRun } from '../../../engine/runs/stop.ts';
import { runCondition } from '../../../engine/runs/summary.ts';

/** Milliseconds after which the supervisor of a dead node counts as dead on every machine, with some to spare. */
const DEAD_MS = SILENT_MS + 30_000;
/** Milliseconds for the turn before to save its step, which is worth more than the time. */
const SAVE_MS = 120_000;
const LOOK_MS = 1_000;

export interface Turn {
  readonly job: string;
  readonly talk: (line: string) => void;
}

/**
 * Resolves when no process has the run. An earlier turn of the same job is ended: by Slurm's word it is over, so it has
 * no right to the run. Anyone else who trains the run is left alone.
 * @throws UsageError when the run is trained by someone else, EnvironmentError when the earlier turn does not end
 */
export async function earlierGone(ref: RunRef, turn: Turn): Promise<void> {
  const { dir, name } = ref;
  const until = Date.now() + DEAD_MS;
  for (let looks = 0; ; looks += 1) {
    const { state, supervised } = runCondition(dir);
    if (state !== 'live' && !supervised) return;
    const supervisor = readSupervisor(dir);
    const isNamed = supervisor?.attempt === lastHolder(join(dir, RUN_FILES.attempts))?.number;
    if (supervisor !== null && isNamed && supervisor.slurm_job === turn.job) return await end(ref, supervisor, turn);
    // What lives on this machine is seen; on another one it counts as living until it was silent for long enough.
    const isSure = supervisor !== null && isNamed && isAlive(supervisor) === true && state === 'live';
    if (isSure || Date.now() > until) throw someoneElse(ref, supervisor, turn.job);
    if (looks === 0) turn.talk(`${name} still seems to run${place(supervisor)}; waiting until it is silent.`);
    await pause(LOOK_MS, undefined);
  }
}

async function end(ref: RunRef, supervisor: SupervisorFile, { job, talk }: Turn): Promise<void> {
  const { dir, name } = ref;
  talk(`The turn before of job ${job} still trains ${name}${place(supervisor)}: it is stopped, with a checkpoint.`);
  if (await stopRun(dir, { now: false, signal: AbortSignal.timeout(SAVE_MS) })) return;
  talk(`It does not stop: it is ended, and ${name} goes on from its last checkpoint.`);
  if (await stopRun(dir, { now: true, signal: AbortSignal.timeout(DEAD_MS) })) return;
  throw doesNotEnd(ref, supervisor, job);
}

/** The error for an earlier turn whose processes cannot be ended from here. */
export const doesNotEnd = ({ dir, name }: RunRef, supervisor: SupervisorFile, job: string): EnvironmentError =>
  new EnvironmentError(`The turn before of job ${job} still trains ${name}${place(supervisor)}, and does not end.`, {
    id: 'slurm/earlier-turn',
    details: ['Two that write to one run would spoil it, so this turn does not begin.'],
    nextSteps: [
      `On that machine:  visiontrain stop ${name} --now`,
      `Then:  sbatch ${join(dir, RUN_FILES.slurmScript)}`,
    ],
  });

function someoneElse({ dir, name }: RunRef, supervisor: SupervisorFile | null, job: string): UsageError {
  const other = supervisor?.slurm_job;
  return new UsageError(`${name} is already running${place(supervisor)}, and job ${job} did not start it.`, {
    id: 'run/already-running',
    details: [other === undefined ? 'It was started outside of a job.' : `It was started by job ${other} of Slurm.`],
    nextSteps: [
      `visiontrain attach ${name}   to watch it`,
      `visiontrain stop ${name}     to end it; then:  sbatch ${join(dir, RUN_FILES.slurmScript)}`,
    ],
  });
}

const place = (supervisor: SupervisorFile | null): string =>
  supervisor === null || supervisor.host === hostname() ? '' : ` on ${supervisor.host}`;
