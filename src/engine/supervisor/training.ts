/** Starts the trainer of a run, watches it, ends it, and interprets the result. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { codeCache } from '../../base/files/private-folder.ts';
import { packageRoot } from '../../base/package-root.ts';
import { places } from '../../base/paths.ts';
import { endGroup, groupEnds, signalGroup } from '../../base/process/group.ts';
import { identify, type ProcessIdentity } from '../../base/process/identity.ts';
import { weightBytes } from '../../registry/checkpoints/weight-bytes.ts';
import { readState } from '../events/state.ts';
import type { Plan } from '../plan/schema.ts';
import { RUN_FILES, type RunExit } from '../run-folder/layout.ts';
import { capLog } from '../run-folder/log-files.ts';
import type { LiveFolder } from '../runs/live-folder.ts';
import { keepPace } from '../runs/paces.ts';
import { trainerCommand } from './command.ts';
import { emit } from './emit.ts';
import { announceMeeting, nodeOf } from './nodes.ts';
import { trainerOutcome } from './outcome.ts';
import type { Requests } from './requests.ts';
import { endOfSeveral } from './several-processes.ts';
import { startTrainer } from './trainer-process.ts';

const LOG_CHECK_MS = 5_000;
/** Seconds from SIGTERM to SIGKILL when a person does not want to wait; a checkpoint may need some of them. */
const KILL_GRACE = 8;

export interface Training {
  readonly folder: LiveFolder;
  readonly plan: Plan;
  readonly python: string;
  /** Folders with packages beside the environment. */
  readonly extras?: readonly string[] | undefined;
  readonly env: NodeJS.ProcessEnv;
  /** Variables for the trainer only. */
  readonly trainerEnv: Readonly<Record<string, string>>;
  /** Folder for encoded images and captions. */
  readonly cacheDir: string;
  readonly requests: Requests;
  /** Writes a line into the supervisor's own log. */
  readonly complain: (line: string) => void;
  readonly announce: (trainer: ProcessIdentity | null) => void;
}

/** Starts the trainer and waits for its end, which a request may cause. */
export async function train(training: Training): Promise<RunExit> {
  const { folder, plan, python, extras, env, trainerEnv, cacheDir, requests, complain, announce } = training;
  const { dir } = folder;
  const runDir = folder.path();
  const kept = codeCache(places(env).cache, 'compiled');
  // By default PyTorch would use a folder below /tmp that another user can create first.
  const compiled = kept ?? mkdtempSync(join(tmpdir(), 'visiontrain-compiled-'));
  const node = nodeOf(plan.resources, env);
  if (node !== undefined) announceMeeting(dir, node);
  const command = trainerCommand({
    node,
    python,
    extras,
    runDir,
    resources: plan.resources,
    packageRoot: packageRoot(),
    compiled,
    env,
  });
  const inOurCache = { ...command, env: { ...command.env, ...trainerEnv, VISIONTRAIN_CACHE_DIR: cacheDir } };
  const trainer = await startTrainer(inOurCache, join(dir, RUN_FILES.log));
  try {
    announce(identify(trainer.pid) ?? null);
  } catch (error) {
    // Otherwise a trainer would run that nobody knows about, and a resume would start a second one beside it.
    await endGroup(trainer.pid, KILL_GRACE);
    throw error;
  }
  const logs = setInterval(() => tendLog(dir, complain), LOG_CHECK_MS);
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
  const state = readState(dir);
  if (plan.resources.processes === 1) keepPace(places(env).state, plan, state, weightBytes(plan.model.path));
  return trainerOutcome({
    folder,
    ...endOfSeveral(dir, plan, { end, state }),
    stopAsked: requests.stop.aborted,
    killAsked: requests.kill.aborted,
    plan,
    env,
  });
}

/**
 * Rotates the trainer's log, from a timer, where nobody catches errors. A log that is no plain file any more matters
 * to its readers only.
 */
function tendLog(dir: string, complain: Training['complain']): void {
  try {
    capLog(dir);
  } catch (error) {
    complain((error as Error).message);
  }
}

/**
 * Ends the processes that the trainer left running. They would keep their memory, so none may remain when the run is
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
