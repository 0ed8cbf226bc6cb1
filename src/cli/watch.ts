import { EXIT, type ExitCode } from '../engine/errors.ts';
import type { RunRef } from '../engine/runs/create.ts';
import { followRun } from '../engine/runs/follow.ts';
import { inspectRun, readExit, runCondition } from '../engine/runs/inspect.ts';
import { makeRequest } from '../engine/runs/requests.ts';
import { neutralise } from '../engine/text.ts';
import type { Context } from './context.ts';
import type { Output } from './output.ts';
import { jsonReporter } from './reporters/json.ts';
import { plainReporter } from './reporters/plain.ts';
import { styleFor } from './style.ts';
import { type Capabilities, terminal } from './terminal.ts';

interface WatchOptions {
  /** Byte offset in the events: what came before is not told again in lines. */
  readonly from?: number;
  /** Look only. */
  readonly readonly?: boolean;
}

/**
 * Shows a run until it is over and gives its exit code: the dashboard on a terminal, else lines, with `--json` events.
 * Leaving changes nothing for the run.
 */
export async function watchRun(run: RunRef, context: Context, options: WatchOptions = {}): Promise<ExitCode> {
  const can = terminal(context.flags);
  if (can.draw && !context.flags.json) return watchOnScreen(run, context, can, options.readonly ?? false);
  return watchAsLines(run, context, options.from ?? 0);
}

async function watchOnScreen(run: RunRef, { out }: Context, can: Capabilities, readonly: boolean): Promise<ExitCode> {
  const { runDashboard } = await import('./ui/run-dashboard.tsx');
  const how = await runDashboard({
    runDir: run.dir,
    can,
    style: styleFor(can),
    readonly,
    events: (signal) => followRun(run.dir, { signal }),
    control: (wish) => makeRequest(run.dir, wish === 'checkpoint' ? 'save' : wish),
  });
  if (how === 'detached' && runCondition(run.dir).state === 'live') {
    out.talk(detachedText(run.name));
    return EXIT.ok;
  }
  return reportEnd(run, { out, json: false });
}

const detachedText = (name: string) =>
  `Detached. Training continues.  visiontrain attach ${name} · visiontrain stop ${name}`;

/** Ctrl-C only stops the watching (130). */
async function watchAsLines(run: RunRef, { out, flags }: Context, from: number): Promise<ExitCode> {
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
    out.talk(detachedText(run.name));
    return EXIT.cancelled;
  }
  return reportEnd(run, { out, json: flags.json });
}

/** After the last event: what to type next, and the exit code of the run. */
function reportEnd({ dir, name }: RunRef, { out, json }: { out: Output; json: boolean }): ExitCode {
  const exit = readExit(dir);
  if (exit !== null) {
    if (!json) for (const line of [...exit.details, ...exit.next_steps]) out.talk(`  ${neutralise(line)}`);
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
