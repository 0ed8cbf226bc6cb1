import { EXIT } from '../../base/errors.ts';
import { findRun } from '../../engine/runs/find.ts';
import { inspectRun } from '../../engine/runs/inspect.ts';
import { stopRun } from '../../engine/runs/stop.ts';
import { readJob } from '../../engine/slurm/record.ts';
import type { CommandRun } from '../shell/context.ts';
import { leaveOnInterrupt } from './shared/steps/stop-signals.ts';

/**
 * Ends a run: after the current step and with a checkpoint, or with `--now` at once. It succeeds when the run is over.
 */
export const run: CommandRun = async ([query = ''], options, { out, places, flags, env }) => {
  const found = findRun(query, places.runs);
  const { name, dir, state } = found;
  const now = options.now === true;
  const wasLive = state === 'live';
  if (wasLive && !flags.json)
    out.talk(now ? `Ending ${name} …` : `Stopping ${name} after this step, with a checkpoint …  (--now does not wait)`);
  const leave = leaveOnInterrupt();
  const over = await stopRun(dir, { now, signal: leave.signal }).finally(leave.off);
  const waiting = wasLive || readJob(dir) === undefined ? undefined : await cancelJob(dir, env);
  // If the folder is removed meanwhile, the earlier summary is reported.
  const summary = inspectRun(dir) ?? found;
  if (flags.json) out.json({ ...summary, was_live: wasLive });
  else if (!over && leave.signal.aborted) out.talk(`${name} will stop after this step.`);
  else if (!over) out.talk(`Some processes of ${name} cannot be ended; they may still hold memory.`);
  else if (waiting !== undefined) out.talk(`${name} did not run yet: its job ${waiting} of Slurm is cancelled.`);
  else if (!wasLive)
    out.talk(`${name} is not running: it ${summary.state === 'died' ? 'died' : `is ${summary.state}`}.`);
  else {
    out.talk(
      `${name} ${summary.state === 'died' ? 'died' : `is ${summary.state}`} at step ${summary.step} of ${summary.steps}.`,
    );
    if (summary.state !== 'finished') out.talk(`  visiontrain resume ${name}`);
  }
  if (over) return EXIT.ok;
  return leave.signal.aborted ? EXIT.cancelled : EXIT.environment;
};

/** Cancels the waiting job of a run, which has no process that could be asked. Returns the number of the job. */
async function cancelJob(dir: string, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  return (await import('./slurm/cancel.ts')).cancelWaiting(dir, env);
}
