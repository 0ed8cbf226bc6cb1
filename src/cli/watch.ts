import { EXIT, type ExitCode } from '../engine/errors.ts';
import type { RunRef } from '../engine/runs/create.ts';
import { followRun } from '../engine/runs/follow.ts';
import { inspectRun, readExit, runCondition } from '../engine/runs/inspect.ts';
import { neutralise } from '../engine/text.ts';
import type { Context } from './context.ts';
import { jsonReporter } from './reporters/json.ts';
import { plainReporter } from './reporters/plain.ts';

/**
 * Shows a run until it is over, as lines or with `--json` as events, and gives its exit code. Ctrl-C only stops the
 * watching (130). `from` is a byte offset in the events.
 */
export async function watchRun(run: RunRef, { out, flags }: Context, from = 0): Promise<ExitCode> {
  const reporter = flags.json ? jsonReporter(out.data) : plainReporter(out.data);
  const leave = new AbortController();
  const onInterrupt = () => leave.abort();
  process.once('SIGINT', onInterrupt);
  try {
    for await (const batch of followRun(run.dir, { signal: leave.signal, from })) reporter.events(batch);
  } finally {
    process.removeListener('SIGINT', onInterrupt);
  }
  if (leave.signal.aborted && runCondition(run.dir).state === 'live') {
    out.talk(`Detached. Training continues.  visiontrain attach ${run.name} · visiontrain stop ${run.name}`);
    return EXIT.cancelled;
  }
  return reportEnd(run, { out, flags });
}

/** After the last event: what to type next, and the exit code of the run. */
function reportEnd({ dir, name }: RunRef, { out, flags }: Pick<Context, 'out' | 'flags'>): ExitCode {
  const exit = readExit(dir);
  if (exit !== null) {
    if (!flags.json) for (const line of [...exit.details, ...exit.next_steps]) out.talk(`  ${neutralise(line)}`);
    return exit.code as ExitCode;
  }
  if (runCondition(dir).state === 'created') {
    out.talk(`${name} has not been started.  visiontrain resume ${name}`);
    return EXIT.ok;
  }
  const step = inspectRun(dir)?.step ?? 0;
  out.talk(`${name} died at step ${step}: its supervisor was ended from outside, or the machine went down.`);
  out.talk(`  visiontrain resume ${name}   goes on from the last checkpoint`);
  return EXIT.training;
}
