/**
 * Owns a run from its first check to exit.json: environment, model, trainer, the word on how it ended. It is detached
 * from every terminal; whoever wants to know or to ask something does so through the run folder.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { basename, join } from 'node:path';
import { writeFileAtomic } from '../atomic.ts';
import { type ExitCode, UsageError, VisiontrainError } from '../errors.ts';
import { initialState, type RunState, reduceAll } from '../events/reducer.ts';
import type { EventType, Payload } from '../events/schema.ts';
import { readEvents } from '../events/tail.ts';
import { openEventWriter } from '../events/writer.ts';
import { trainerCommand } from '../launch/command.ts';
import { packageRoot, packageVersion } from '../package-root.ts';
import { places } from '../paths.ts';
import type { Plan } from '../plan/schema.ts';
import { codeCache } from '../private-folder.ts';
import { type Claim, claim, HEARTBEAT_MS } from '../process/claim.ts';
import { endGroup, groupEnds, signalGroup } from '../process/group.ts';
import { identify, type ProcessIdentity } from '../process/identity.ts';
import { explainWriteError } from './create.ts';
import { RUN_FILES, type RunExit, type SupervisorFile } from './layout.ts';
import { capLog, rotateLog } from './log-files.ts';
import { errorOutcome, stoppedEarly, trainerOutcome } from './outcome.ts';
import { dropAllRequests, dropRequest, hasRequest, makeRequest } from './requests.ts';
import { startTrainer } from './trainer-process.ts';

/** What a step before the trainer is handed. */
export interface StepTools {
  /** Aborts when the run is to stop: leave nothing half-made and throw. */
  readonly signal: AbortSignal;
  /** Announces the phase; a step that finds nothing to do stays silent. */
  readonly phase: (detail?: string) => void;
  readonly progress: (progress: Omit<Payload<'progress'>, 'phase'>) => void;
  readonly note: (note: Payload<'note'>) => void;
}

/** The two steps before the trainer, each quick when there is nothing to do. Errors thrown end the run. */
export interface SupervisorSteps {
  /** Makes the Python environment ready and says which Python to use. */
  readonly environment: (tools: StepTools) => Promise<{ readonly python: string }>;
  /** Makes sure that the model's files are there. */
  readonly model: (plan: Plan, tools: StepTools) => Promise<void>;
}

export interface SupervisorOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly steps: SupervisorSteps;
  /** Aborted by SIGTERM or SIGINT: the same as a stop request. */
  readonly terminated: AbortSignal;
}

const POLL_MS = 250;
const RESERVE = 1 << 16;
const LOG_CHECK_MS = 30_000;
/** Seconds from SIGTERM to SIGKILL when a person does not want to wait; a checkpoint may need some of them. */
const KILL_GRACE = 8;

/** Runs the run to its end. Throws UsageError when another supervisor has it. */
export async function supervise(dir: string, options: SupervisorOptions): Promise<ExitCode> {
  const held = claim(join(dir, RUN_FILES.attempts));
  if ('holder' in held) throw new UsageError(`${basename(dir)} is already running.`);
  rmSync(join(dir, RUN_FILES.exit), { force: true });
  dropAllRequests(dir);
  rotateLog(dir);
  const beat = setInterval(held.claim.beat, HEARTBEAT_MS);
  try {
    return writeOutcome(dir, await attempt(dir, held.claim, options));
  } finally {
    clearInterval(beat);
    held.claim.end();
  }
}

async function attempt(dir: string, { number }: Claim, options: SupervisorOptions): Promise<RunExit> {
  const startedAt = Date.now() / 1000;
  const announce = (trainer: ProcessIdentity | null): void => {
    const own = identify(process.pid) as ProcessIdentity;
    const file: SupervisorFile = { ...own, attempt: number, started_at: startedAt, trainer };
    writeFileAtomic(join(dir, RUN_FILES.supervisor), `${JSON.stringify(file, null, 1)}\n`);
  };
  announce(null);
  const requests = watchRequests(dir, options.terminated);
  try {
    // At random: a file system that compresses would keep no room for zeros.
    writeFileSync(join(dir, RUN_FILES.reserve), randomBytes(RESERVE));
    const plan = JSON.parse(readFileSync(join(dir, RUN_FILES.plan), 'utf8')) as Plan;
    emit(dir, 'run', {
      name: basename(dir),
      attempt: number,
      steps: plan.training.steps,
      host: hostname(),
      device: plan.resources.device,
      version: packageVersion(),
    });
    const { python } = await options.steps.environment(stepTools(dir, 'environment', requests.stop));
    await options.steps.model(plan, stepTools(dir, 'download', requests.stop));
    requests.stop.throwIfAborted();
    return await train(dir, plan, python, options, requests, announce);
  } catch (error) {
    if (requests.stop.aborted) {
      dropRequest(dir, 'stop');
      return stoppedEarly(dir, lastState(dir).step);
    }
    const explained = explainWriteError(error, dir);
    if (!(explained instanceof VisiontrainError)) console.error(error);
    return errorOutcome(dir, explained, lastState(dir).step);
  } finally {
    requests.end();
  }
}

async function train(
  dir: string,
  plan: Plan,
  python: string,
  { env }: SupervisorOptions,
  requests: Requests,
  announce: (trainer: ProcessIdentity | null) => void,
): Promise<RunExit> {
  const command = trainerCommand({
    python,
    runDir: dir,
    resources: plan.resources,
    packageRoot: packageRoot(),
    compiled: codeCache(places(env).cache, 'compiled'),
    env,
  });
  const trainer = await startTrainer(command, join(dir, RUN_FILES.log));
  try {
    announce(identify(trainer.pid) ?? null);
  } catch (error) {
    // Nobody would know of it, and a resume would start a second one beside it.
    await endGroup(trainer.pid, KILL_GRACE);
    throw error;
  }
  const logs = setInterval(() => capLog(dir), LOG_CHECK_MS);
  const kill = () => void endGroup(trainer.pid, KILL_GRACE);
  requests.kill.addEventListener('abort', kill, { once: true });
  if (requests.kill.aborted) kill();
  const end = await trainer.ended;
  clearInterval(logs);
  requests.kill.removeEventListener('abort', kill);
  rmSync(join(dir, RUN_FILES.reserve), { force: true });
  await endStragglers(dir, trainer.pid);
  announce(null);
  return trainerOutcome({
    dir,
    end,
    state: lastState(dir),
    stopAsked: requests.stop.aborted,
    killAsked: requests.kill.aborted,
  });
}

/** What the trainer left running would keep its memory: nobody may be left when the run is said to be over. */
async function endStragglers(dir: string, group: number): Promise<void> {
  if (await groupEnds(group, 2)) return;
  signalGroup(group, 'SIGTERM');
  const gone = await endGroup(group, 5);
  const text = gone
    ? 'The trainer left processes behind; they were ended.'
    : `Processes of the trainer cannot be ended (group ${group}); they may still hold memory.`;
  emit(dir, 'note', { level: 'warn', text });
}

interface Requests {
  readonly stop: AbortSignal;
  readonly kill: AbortSignal;
  end(): void;
}

/** Requests as signals. Before the trainer runs `stop` is for the supervisor; afterwards the trainer acts on the file. */
function watchRequests(dir: string, terminated: AbortSignal): Requests {
  const stop = new AbortController();
  const kill = new AbortController();
  const onTerminated = () => makeRequest(dir, 'stop');
  terminated.addEventListener('abort', onTerminated, { once: true });
  if (terminated.aborted) onTerminated();
  const timer = setInterval(() => {
    if (hasRequest(dir, 'stop')) stop.abort();
    if (hasRequest(dir, 'kill')) {
      dropRequest(dir, 'kill');
      stop.abort();
      kill.abort();
    }
  }, POLL_MS);
  return {
    stop: stop.signal,
    kill: kill.signal,
    end() {
      clearInterval(timer);
      terminated.removeEventListener('abort', onTerminated);
    },
  };
}

function stepTools(dir: string, phase: 'environment' | 'download', signal: AbortSignal): StepTools {
  return {
    signal,
    phase: (detail) => tell(dir, 'phase', { phase, ...(detail === undefined ? {} : { detail }) }),
    progress: (progress) => tell(dir, 'progress', { ...progress, phase }),
    note: (note) => tell(dir, 'note', note),
  };
}

/** Opened for each event: the trainer writes to the same file in between. */
function emit<T extends EventType>(dir: string, type: T, payload: Payload<T>): void {
  const writer = openEventWriter(dir);
  try {
    writer.write(type, payload);
  } finally {
    writer.close();
  }
}

/** For timers, where nobody catches: a full disk ends the step by its own writes, which are caught. */
function tell<T extends EventType>(dir: string, type: T, payload: Payload<T>): void {
  try {
    emit(dir, type, payload);
  } catch {
    // Told or not, the step goes on.
  }
}

function lastState(dir: string): RunState {
  let state = initialState;
  for (const events of readEvents(dir)) state = reduceAll(state, events);
  return state;
}

/** exit.json, then the last event: who reads the event may rely on the file. */
function writeOutcome(dir: string, exit: RunExit): ExitCode {
  rmSync(join(dir, RUN_FILES.reserve), { force: true });
  writeFileAtomic(join(dir, RUN_FILES.exit), `${JSON.stringify(exit, null, 1)}\n`);
  const { status, code, step, reason } = exit;
  emit(dir, 'exit', { status, code, step, reason });
  return code as ExitCode;
}
