/**
 * Owns a run from its first check to exit.json: environment, model, trainer, outcome. It is detached from every
 * terminal; other programs ask it for something, or look at it, through the run folder.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { type ExitCode, UsageError, VisiontrainError } from '../../base/errors.ts';
import { writeFileAtomic } from '../../base/files/atomic.ts';
import { codeCache } from '../../base/files/private-folder.ts';
import { explainWriteError } from '../../base/files/write-errors.ts';
import { packageRoot, packageVersion } from '../../base/package-root.ts';
import { places } from '../../base/paths.ts';
import { type Claim, claim, HEARTBEAT_MS } from '../../base/process/claim.ts';
import { endGroup, groupEnds, signalGroup } from '../../base/process/group.ts';
import { identify, type ProcessIdentity } from '../../base/process/identity.ts';
import type { EventType, Payload } from '../events/schema.ts';
import { readState } from '../events/state.ts';
import type { StepTools } from '../events/step-tools.ts';
import { openEventWriter } from '../events/writer.ts';
import type { Plan } from '../plan/schema.ts';
import { RUN_FILES, type RunExit, type SupervisorFile } from '../run-folder/layout.ts';
import { capLog, rotateLog } from '../run-folder/log-files.ts';
import { dropAllRequests, dropRequest, hasRequest, makeRequest } from '../run-folder/requests.ts';
import { type LiveFolder, openFolder } from '../runs/live-folder.ts';
import { readPlan } from '../runs/read-plan.ts';
import { refuseForeignFolder } from '../runs/trust.ts';
import { trainerCommand } from './command.ts';
import { errorOutcome, stoppedEarly, trainerOutcome } from './outcome.ts';
import { startTrainer } from './trainer-process.ts';

/**
 * The two steps before the trainer. Each is quick when there is nothing to do. An error that a step throws ends the
 * run.
 */
export interface SupervisorSteps {
  /** Makes the Python environment ready and returns the Python to use. */
  readonly environment: (tools: StepTools) => Promise<{ readonly python: string }>;
  /** Makes sure that the model's files are there. */
  readonly model: (plan: Plan, tools: StepTools, folder: LiveFolder) => Promise<void>;
}

export interface SupervisorOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly steps: SupervisorSteps;
  /** Folder for encoded images and captions, on whichever machine the plan was made. */
  readonly cacheDir: string;
  /** Aborted by SIGTERM or SIGINT, which mean the same as a stop request. */
  readonly terminated: AbortSignal;
}

const POLL_MS = 250;
const RESERVE = 1 << 16;
const LOG_CHECK_MS = 5_000;
const FENCE_MS = 1_000;
/** Seconds from SIGTERM to SIGKILL for a person who does not want to wait; a checkpoint may need some of them. */
const KILL_GRACE = 8;

/**
 * Carries the run to its end.
 * @throws UsageError when another supervisor has the run, or takes it over because it could not see that this one
 * lives; EnvironmentError when others could change what is in the folder
 */
export async function supervise(path: string, options: SupervisorOptions): Promise<ExitCode> {
  refuseForeignFolder(path);
  const folder = openFolder(path);
  try {
    return await own(folder, options);
  } finally {
    folder.close();
  }
}

async function own(folder: LiveFolder, options: SupervisorOptions): Promise<ExitCode> {
  const { dir } = folder;
  const held = claim(join(dir, RUN_FILES.attempts));
  if ('holder' in held) throw new UsageError(`${basename(folder.path())} is already running.`);
  rmSync(join(dir, RUN_FILES.exit), { force: true });
  dropAllRequests(dir);
  rotateLog(dir);
  const beat = setInterval(held.claim.beat, HEARTBEAT_MS);
  try {
    const exit = await attempt(folder, held.claim, options);
    const lost = lostRun(folder, held.claim);
    if (lost !== undefined) throw lost;
    return writeOutcome(dir, exit);
  } finally {
    clearInterval(beat);
    held.claim.end();
  }
}

/** Why this process must not go on or write anything more; undefined while it may. */
function lostRun(folder: LiveFolder, { number, lost }: Claim): UsageError | undefined {
  const path = folder.path();
  if (folder.lost())
    return new UsageError(`${path} was moved or removed while the run went on: its trainer was ended.`);
  if (!lost()) return undefined;
  return new UsageError(
    `${path} was taken over while this machine could not be seen: its attempt ${number} was ended.`,
  );
}

async function attempt(folder: LiveFolder, held: Claim, options: SupervisorOptions): Promise<RunExit> {
  const { dir } = folder;
  const startedAt = Date.now() / 1000;
  const announce = (trainer: ProcessIdentity | null): void => {
    const own = identify(process.pid) as ProcessIdentity;
    const file: SupervisorFile = { ...own, attempt: held.number, started_at: startedAt, trainer };
    writeFileAtomic(join(dir, RUN_FILES.supervisor), `${JSON.stringify(file, null, 1)}\n`);
  };
  announce(null);
  const requests = watchRequests(dir, options.terminated, () => lostRun(folder, held));
  try {
    // The bytes are random: a file system that compresses would keep no room for zeros.
    writeFileAtomic(join(dir, RUN_FILES.reserve), randomBytes(RESERVE));
    const plan = readPlan(dir);
    emit(dir, 'run', {
      name: basename(folder.path()),
      attempt: held.number,
      steps: plan.training.steps,
      host: hostname(),
      device: plan.resources.device,
      version: packageVersion(),
    });
    const { python } = await options.steps.environment(stepTools(dir, 'environment', requests.stop));
    await options.steps.model(plan, stepTools(dir, 'download', requests.stop), folder);
    requests.stop.throwIfAborted();
    return await train({ folder, plan, python, options, requests, announce });
  } catch (error) {
    requests.lost.throwIfAborted();
    if (requests.stop.aborted) {
      dropRequest(dir, 'stop');
      return stoppedEarly(folder, lastStep(dir));
    }
    const explained = explainWriteError(error, folder.path());
    if (!(explained instanceof VisiontrainError)) console.error(error);
    return errorOutcome(folder, explained, lastStep(dir));
  } finally {
    requests.end();
  }
}

interface Training {
  readonly folder: LiveFolder;
  readonly plan: Plan;
  readonly python: string;
  readonly options: SupervisorOptions;
  readonly requests: Requests;
  readonly announce: (trainer: ProcessIdentity | null) => void;
}

async function train({ folder, plan, python, options, requests, announce }: Training): Promise<RunExit> {
  const { dir } = folder;
  const { env, cacheDir } = options;
  const runDir = folder.path();
  const kept = codeCache(places(env).cache, 'compiled');
  // Left to itself PyTorch would take a name below /tmp that another user can take first.
  const compiled = kept ?? mkdtempSync(join(tmpdir(), 'visiontrain-compiled-'));
  const command = trainerCommand({
    python,
    runDir,
    resources: plan.resources,
    packageRoot: packageRoot(),
    compiled,
    env,
  });
  const inOurCache = { ...command, env: { ...command.env, VISIONTRAIN_CACHE_DIR: cacheDir } };
  const trainer = await startTrainer(inOurCache, join(dir, RUN_FILES.log));
  try {
    announce(identify(trainer.pid) ?? null);
  } catch (error) {
    // Without this a trainer would run that nobody knows of, and a resume would start a second one beside it.
    await endGroup(trainer.pid, KILL_GRACE);
    throw error;
  }
  const logs = setInterval(() => tendLog(dir), LOG_CHECK_MS);
  const kill = () => void endGroup(trainer.pid, KILL_GRACE);
  // SIGKILL, because this trainer must not write anything more once another one has begun.
  const fence = () => signalGroup(trainer.pid, 'SIGKILL');
  requests.kill.addEventListener('abort', kill, { once: true });
  requests.lost.addEventListener('abort', fence, { once: true });
  if (requests.kill.aborted) kill();
  if (requests.lost.aborted) fence();
  const end = await trainer.ended;
  clearInterval(logs);
  if (kept === undefined) rmSync(compiled, { recursive: true, force: true });
  requests.kill.removeEventListener('abort', kill);
  requests.lost.removeEventListener('abort', fence);
  requests.lost.throwIfAborted();
  rmSync(join(dir, RUN_FILES.reserve), { force: true });
  await endStragglers(dir, trainer.pid);
  announce(null);
  return trainerOutcome({
    folder,
    end,
    state: readState(dir),
    stopAsked: requests.stop.aborted,
    killAsked: requests.kill.aborted,
    plan,
    env,
  });
}

/**
 * Runs on a timer, where nobody catches errors. A log that is no plain file any more is a problem for its readers only.
 */
function tendLog(dir: string): void {
  try {
    capLog(dir);
  } catch (error) {
    console.error((error as Error).message);
  }
}

/**
 * Ends the processes that the trainer left running. They would keep their memory, so none may be left when the run is
 * reported as over.
 */
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
  /** Aborts when another process has taken the run over; the reason says why. */
  readonly lost: AbortSignal;
  end(): void;
}

/**
 * Turns requests into signals. Before the trainer runs, `stop` is for the supervisor; afterwards the trainer acts on
 * the file.
 */
function watchRequests(dir: string, terminated: AbortSignal, whyLost: () => Error | undefined): Requests {
  const [stop, kill, lost] = [new AbortController(), new AbortController(), new AbortController()];
  const onTerminated = () => {
    try {
      makeRequest(dir, 'stop');
    } catch {
      // The folder takes no request, so the trainer cannot be asked: it is ended.
      stop.abort();
      kill.abort();
    }
  };
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
  const fence = setInterval(() => {
    const reason = whyLost();
    if (reason === undefined || lost.signal.aborted) return;
    lost.abort(reason);
    stop.abort();
  }, FENCE_MS);
  return {
    stop: stop.signal,
    kill: kill.signal,
    lost: lost.signal,
    end() {
      clearInterval(timer);
      clearInterval(fence);
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

/** The file is opened for each event, because the trainer writes to it in between. */
function emit<T extends EventType>(dir: string, type: T, payload: Payload<T>): void {
  const writer = openEventWriter(dir);
  try {
    writer.write(type, payload);
  } finally {
    writer.close();
  }
}

/**
 * Reports from timers, where nobody catches errors. A full disk ends the step through its own writes, which are caught.
 */
function tell<T extends EventType>(dir: string, type: T, payload: Payload<T>): void {
  try {
    emit(dir, type, payload);
  } catch {
    // The step goes on, whether the event was written or not.
  }
}

/** The last step that the run had reached; 0 when its events cannot be read, which is then the reason for its end. */
function lastStep(dir: string): number {
  try {
    return readState(dir).step;
  } catch {
    return 0;
  }
}

/** Writes exit.json, then the last event, so that whoever reads the event can rely on the file. */
function writeOutcome(dir: string, exit: RunExit): ExitCode {
  rmSync(join(dir, RUN_FILES.reserve), { force: true });
  writeFileAtomic(join(dir, RUN_FILES.exit), `${JSON.stringify(exit, null, 1)}\n`);
  const { status, code, step, reason } = exit;
  emit(dir, 'exit', { status, code, step, reason });
  return code as ExitCode;
}
