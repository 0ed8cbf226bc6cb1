import { EnvironmentError, EXIT, type ExitCode } from '../../../base/errors.ts';
import { isAlive } from '../../../base/process/identity.ts';
import { pause } from '../../../base/sleep.ts';
import { shellWord } from '../../../base/typed-path.ts';
import { readState } from '../../../engine/events/state.ts';
import { makeRequest } from '../../../engine/run-folder/requests.ts';
import { readExit, readSupervisor } from '../../../engine/run-folder/run-files.ts';
import type { RunRef } from '../../../engine/runs/create.ts';
import { followRun } from '../../../engine/runs/follow.ts';
import { inspectRun } from '../../../engine/runs/inspect.ts';
import { judgeHere, wantsJudging } from '../../../engine/runs/judge-after.ts';
import { runCondition } from '../../../engine/runs/summary.ts';
import { styleFor } from '../../../terminal/style.ts';
import type { Capabilities } from '../../../terminal/terminal.ts';
import { jsonReporter } from '../../reporters/json.ts';
import { plainReporter } from '../../reporters/plain.ts';
import type { Context } from '../../shell/context.ts';
import { announced } from './announce.ts';
import { leaveOnInterrupt, stopSignals, toldAtInterrupt } from './steps/stop-signals.ts';

export interface WatchOptions {
  /** Byte offset in the events to start from. Only the plain lines use it. */
  readonly from?: number;
  /** Whether the view is read-only, without keys for requests to the run. */
  readonly readonly?: boolean;
  /** Set when the run belongs to this process, so that signals to this process apply to the run. */
  readonly owner?: RunOwner | undefined;
}

/**
 * Shows a run until it is over (on the screen, as lines, or with `--json` as events) and returns its exit code. A
 * person who leaves changes nothing for the run, and gets exit code 130.
 */
export async function watchRun(run: RunRef, context: Context, options: WatchOptions = {}): Promise<ExitCode> {
  const { flags, terminal: can } = context;
  const onScreen = can.draw && !flags.json && options.owner === undefined && runCondition(run.dir).state === 'live';
  const left = onScreen
    ? await watchScreen(run, context, { ...options, can })
    : await watchLines(run, context, options);
  if (left && runCondition(run.dir).state === 'live') {
    sayDetached(run.name, context);
    return onScreen ? EXIT.ok : EXIT.cancelled;
  }
  const code = await reportEnd(run, context, can);
  if (options.owner !== undefined && wantsJudging(run.dir)) await judgeOwned(run, context);
  return code;
}

function sayDetached(name: string, { out }: Context): void {
  out.talk(`Detached. Training continues.  visiontrain attach ${name}`);
  out.talk(`                               visiontrain stop ${name}`);
}

/** What a run in the foreground would leave behind is killed with it, so it is judged before this process is over. */
async function judgeOwned({ dir, name }: RunRef, { out, env, flags }: Context): Promise<void> {
  const stop = stopSignals();
  try {
    const done = await judgeHere(dir, { env, signal: stop.signal, table: flags.json ? 'stderr' : 'stdout' });
    if (!done) out.talk(`${name} is trained, but not judged to the end.  visiontrain judge ${shellWord(name)}`);
  } finally {
    stop.off();
  }
}

/** Width of lines that go into a file or a program: paths in them are to be copied and must not be cut. */
const UNCUT = 10_000;

const requests = { stop: 'stop', checkpoint: 'save', sample: 'sample' } as const;

/** Shows the dashboard. Returns true when the person left before the end. */
async function watchScreen(
  { dir, name }: RunRef,
  context: Context,
  { can, ...options }: WatchOptions & { readonly can: Capabilities },
): Promise<boolean> {
  const loading = () => Promise.all([import('../../dashboard/run-dashboard.tsx'), announced(context, true)]);
  const [{ runDashboard }, announce] = await toldAtInterrupt(() => sayDetached(name, context), loading);
  const how = await runDashboard({
    runDir: dir,
    can,
    style: styleFor(can),
    readonly: options.readonly === true,
    events: (signal) => announce(followRun(dir, { signal })),
    control: (wish) => makeRequest(dir, requests[wish]),
  });
  return how === 'detached';
}

/** Prints lines. Returns true when the person left before the end. */
async function watchLines(run: RunRef, context: Context, options: WatchOptions): Promise<boolean> {
  const { out, flags } = context;
  const announce = await announced(context, false);
  const reporter = flags.json ? jsonReporter(out.jsonLine) : plainReporter(out.data);
  const leave = options.owner === undefined ? leaveOnInterrupt() : undefined;
  try {
    const from = options.from ?? 0;
    const following = leave === undefined ? { from } : { from, signal: leave.signal };
    for await (const batch of announce(followRun(run.dir, following))) reporter.events(batch);
  } finally {
    leave?.off();
    options.owner?.release();
  }
  if (options.owner !== undefined) await supervisorGone(run.dir);
  return leave?.signal.aborted === true;
}

/**
 * Waits for the supervisor's end. A batch job kills its processes when it is over, but the supervisor may still have
 * to send notices, or to run the last hooks; it limits the time for both.
 */
async function supervisorGone(dir: string): Promise<void> {
  const supervisor = readSupervisor(dir);
  while (supervisor !== null && isAlive(supervisor) === true) await pause(100, undefined);
}

export interface RunOwner {
  /** Called when the run has been started. Signals received before that are now applied to the run. */
  owns(run: RunRef): void;
  release(): void;
}

/**
 * Catches SIGINT and SIGTERM from now on. The first one stops, with a checkpoint, the run that this process will
 * start; a second one ends it at once.
 */
export function ownSignals(talk: (text: string) => void): RunOwner {
  let run: RunRef | undefined;
  let signals = 0;
  const carryOut = () => {
    if (run === undefined || signals === 0) return;
    makeRequest(run.dir, signals > 1 ? 'kill' : 'stop');
    const { name } = run;
    talk(signals > 1 ? `Ending ${name} at once.` : `Stopping ${name} with a checkpoint; once more ends it at once.`);
  };
  const onSignal = () => {
    signals += 1;
    carryOut();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return {
    owns(started) {
      run = started;
      carryOut();
    },
    release() {
      process.removeListener('SIGINT', onSignal);
      process.removeListener('SIGTERM', onSignal);
    },
  };
}

/**
 * Reports, after the last event, the results or the failure, and what to type next. Returns the exit code of the run.
 * @throws EnvironmentError when files of the run are not what visiontrain writes
 */
async function reportEnd({ dir, name }: RunRef, { out, flags }: Context, can: Capabilities): Promise<ExitCode> {
  const exit = readExit(dir);
  if (exit !== null) {
    if (!flags.json) {
      const [{ renderEnd }, { readAbout }] = await Promise.all([
        import('../../dashboard/end.ts'),
        import('../../dashboard/about.ts'),
      ]);
      const input = { state: readState(dir), exit, name, runDir: dir, cwd: process.cwd(), about: readAbout(dir) };
      const room = {
        style: styleFor(can),
        columns: out.talkWidth ?? UNCUT,
        rows: can.rows,
        colour: can.draw ? can.colour : 0,
      };
      for (const line of renderEnd(input, room)) out.talk(line);
    }
    return exit.code as ExitCode;
  }
  const { problem = null, step = 0 } = inspectRun(dir) ?? {};
  if (problem !== null)
    throw new EnvironmentError(`How ${name} ended is not known: ${problem}.`, {
      id: 'run/unknown-end',
      details: [`It lies in ${dir}`],
      nextSteps: [`visiontrain logs ${name}`],
    });
  if (runCondition(dir).state === 'created') {
    out.talk(`${name} has not been started.  visiontrain resume ${name}`);
    return EXIT.ok;
  }
  out.wrapped(`${name} died at step ${step}: its supervisor was ended from outside, or the machine went down.`);
  out.talk(`  visiontrain resume ${name}   goes on from the last checkpoint`);
  return EXIT.training;
}
