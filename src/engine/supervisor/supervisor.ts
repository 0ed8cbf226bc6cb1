/**
 * Owns a run from its first check to exit.json: environment, model, trainer, outcome. It is detached from every
 * terminal; other programs send requests to it, and read its state, through the run folder.
 */
import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { type ExitCode, UsageError, VisiontrainError } from '../../base/errors.ts';
import { writeFileAtomic } from '../../base/files/atomic.ts';
import { explainWriteError } from '../../base/files/write-errors.ts';
import { packageVersion } from '../../base/package-root.ts';
import { type Claim, claim, whileClaimed } from '../../base/process/claim.ts';
import { identify, type ProcessIdentity } from '../../base/process/identity.ts';
import type { PythonEnvironment } from '../environment/check.ts';
import { readState } from '../events/state.ts';
import type { StepTools } from '../events/step-tools.ts';
import type { Plan } from '../plan/schema.ts';
import { RUN_FILES, type RunExit, type SupervisorFile } from '../run-folder/layout.ts';
import { rotateLog } from '../run-folder/log-files.ts';
import { dropAllRequests, dropRequest } from '../run-folder/requests.ts';
import { isJobOfSlurm } from '../run-folder/run-files.ts';
import { touchRuns } from '../runs/ended.ts';
import { type LiveFolder, openFolder } from '../runs/live-folder.ts';
import { settlePlan } from '../runs/read-plan.ts';
import { refuseForeignFolder } from '../runs/trust.ts';
import { emit, stepTools } from './emit.ts';
import { type EventRelay, eventRelay } from './event-relay.ts';
import { type Observation, type Observer, observe } from './observers.ts';
import { errorOutcome, stoppedEarly } from './outcome.ts';
import { watchRequests } from './requests.ts';
import { train } from './training.ts';

/**
 * The steps before the trainer. Each is quick when there is nothing to do. An error that a step throws ends the
 * run.
 */
export interface SupervisorSteps {
  /** Makes the Python environment ready and returns the Python to use. */
  readonly environment: (tools: StepTools, plan: Plan) => Promise<PythonEnvironment>;
  /** Makes sure that the model's files are on the disk. */
  readonly model: (plan: Plan, tools: StepTools, folder: LiveFolder) => Promise<void>;
  /** Writes captions if the run needs them, and returns the plan with them; otherwise returns the given plan. */
  readonly captions: (
    plan: Plan,
    tools: StepTools,
    folder: LiveFolder,
    environment: PythonEnvironment,
  ) => Promise<Plan>;
}

export interface RunObservers {
  readonly observers: readonly Observer[];
  /** Variables that tell the trainer about the observers. */
  readonly trainerEnv: Readonly<Record<string, string>>;
}

export interface SupervisorOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly steps: SupervisorSteps;
  /** Folder for encoded images and captions on this machine, whichever machine made the plan. */
  readonly cacheDir: string;
  /** Makes the observers. `relay` takes their events for events.jsonl. */
  readonly observers: (folder: LiveFolder, relay: EventRelay) => Promise<RunObservers>;
  /** Aborted by SIGTERM or SIGINT, which have the effect of a stop request. */
  readonly terminated: AbortSignal;
}

const RESERVE = 1 << 16;

/**
 * Carries the run to its end.
 * @throws UsageError when another supervisor has the run, or takes it over because it could not see that this one
 *   lives; EnvironmentError when others could change files in the folder
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
  if ('holder' in held)
    throw new UsageError(`${basename(folder.path())} is already running.`, { id: 'run/already-running' });
  // This comes first: a row that is kept of the run is believed as long as this file is there, and one that is not shown
  // as long as nothing was told to the folder of the runs.
  rmSync(join(dir, RUN_FILES.exit), { force: true });
  touchRuns(dirname(folder.path()));
  dropAllRequests(dir);
  rotateLog(dir);
  const relay = eventRelay(dir, (line) => console.error(line));
  const { observers, trainerEnv } = await options.observers(folder, relay);
  const observation = observe({ dir, attempt: held.claim.number }, observers, (line) => console.error(line));
  const job = async () => {
    const exit = await attempt(folder, held.claim, { ...options, trainerEnv, observation });
    const lost = lostRun(folder, held.claim);
    if (lost !== undefined) {
      observation.abort();
      throw lost;
    }
    relay.finish();
    const why = observation.failure();
    const isWhy = why !== undefined && exit.status === 'stopped';
    return writeOutcome(dir, isWhy ? { ...exit, reason: `stopped: ${why}` } : exit);
  };
  try {
    return await whileClaimed(held.claim, job, (mine) => mine.end());
  } finally {
    // For all other programs the run is over by now, and can be resumed.
    await observation.end();
  }
}

/** Why this process must stop writing to the run; undefined while it may write. */
export function lostRun(folder: LiveFolder, { number, lost }: Claim): UsageError | undefined {
  const path = folder.path();
  if (folder.lost())
    return new UsageError(`${path} was moved or removed while the run went on: its trainer was ended.`, {
      id: 'run/lost',
      nextSteps: ['Where the folder is now, it goes on from the last checkpoint:  visiontrain resume FOLDER'],
    });
  if (!lost()) return undefined;
  return new UsageError(
    `${path} was taken over while this machine could not be seen: its attempt ${number} was ended.`,
    { id: 'run/lost', nextSteps: [`visiontrain attach ${basename(path)}   shows what goes on there`] },
  );
}

type AttemptOptions = SupervisorOptions & Pick<RunObservers, 'trainerEnv'> & { readonly observation: Observation };

async function attempt(folder: LiveFolder, held: Claim, options: AttemptOptions): Promise<RunExit> {
  const { dir } = folder;
  const startedAt = Date.now() / 1000;
  const announce = (trainer: ProcessIdentity | null): void => {
    const own = identify(process.pid) as ProcessIdentity;
    const job = isJobOfSlurm(options.env.SLURM_JOB_ID) ? { slurm_job: options.env.SLURM_JOB_ID } : {};
    const file: SupervisorFile = { ...own, attempt: held.number, started_at: startedAt, trainer, ...job };
    writeFileAtomic(join(dir, RUN_FILES.supervisor), `${JSON.stringify(file, null, 1)}\n`);
  };
  announce(null);
  const requests = watchRequests(dir, options.terminated, () => lostRun(folder, held));
  try {
    // The bytes are random, because a file system that compresses would reserve no space for zeros.
    writeFileAtomic(join(dir, RUN_FILES.reserve), randomBytes(RESERVE));
    const plan = settlePlan(dir);
    emit(dir, 'run', {
      name: basename(folder.path()),
      attempt: held.number,
      steps: plan.training.steps,
      host: hostname(),
      device: plan.resources.device,
      version: packageVersion(),
    });
    const { steps } = options;
    await options.observation.ready();
    const environment = await steps.environment(stepTools(dir, 'environment', requests.stop), plan);
    await steps.model(plan, stepTools(dir, 'download', requests.stop), folder);
    const captioned = await steps.captions(plan, stepTools(dir, 'captions', requests.stop), folder, environment);
    requests.stop.throwIfAborted();
    const { env, cacheDir, trainerEnv } = options;
    const complain = (line: string) => console.error(line);
    return await train({
      folder,
      plan: captioned,
      python: environment.python,
      extras: environment.extras,
      env,
      trainerEnv,
      cacheDir,
      requests,
      complain,
      announce,
    });
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

/** The last step of the run so far; 0 when its events cannot be read, in which case that is the reason for its end. */
function lastStep(dir: string): number {
  try {
    return readState(dir).step;
  } catch {
    return 0;
  }
}

/** Writes exit.json, then the last event, so that a reader of the event can rely on the file. */
function writeOutcome(dir: string, exit: RunExit): ExitCode {
  rmSync(join(dir, RUN_FILES.reserve), { force: true });
  writeFileAtomic(join(dir, RUN_FILES.exit), `${JSON.stringify(exit, null, 1)}\n`);
  const { status, code, id, step, reason } = exit;
  emit(dir, 'exit', { status, code, ...(id === undefined ? {} : { id }), step, reason });
  return code as ExitCode;
}
