import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, constants, existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { EnvironmentError, UsageError } from '../../base/errors.ts';
import { lastLogLines } from '../../base/files/log-lines.ts';
import { ForeignFileError, openOurs } from '../../base/files/regular-file.ts';
import { explainWriteError } from '../../base/files/write-errors.ts';
import { packageRoot } from '../../base/package-root.ts';
import { lastHolder } from '../../base/process/claim.ts';
import { packageIncomplete } from '../../base/program-files.ts';
import { RUN_FILES } from '../run-folder/layout.ts';
import { readSupervisor } from '../run-folder/run-files.ts';
import type { RunRef } from './create.ts';
import { runCondition } from './summary.ts';
import { refuseForeignFolder } from './trust.ts';

/**
 * Starts or resumes a run in a process with its own session, which no terminal can end. Resolves when that process
 * owns the run; from then on the run folder shows what happens.
 * @throws UsageError when the run is live, EnvironmentError when the supervisor could not start or when others could
 *   change files in the folder
 */
export async function startRun({ dir, name }: RunRef, env: NodeJS.ProcessEnv): Promise<void> {
  refuseLive(dir, name);
  refuseForeignFolder(dir);
  // Clocks are sometimes set back, but the number of starts only grows.
  const before = lastHolder(join(dir, RUN_FILES.attempts))?.number ?? 0;
  const child = spawnSupervisor(dir, env);
  let over = false;
  const ended = new Promise<void>((resolve) => {
    child.once('exit', resolve);
    child.once('error', resolve);
  }).then(() => {
    over = true;
  });
  const tookOver = () => {
    const owner = readSupervisor(dir);
    return owner !== null && owner.pid === child.pid && owner.attempt > before;
  };
  while (!tookOver() && !over) await Promise.race([ended, sleep(20)]);
  child.unref();
  if (tookOver()) return;
  refuseLive(dir, name);
  throw startFailed({ dir, name });
}

/** The error for a supervisor that ended before it owned the run. */
export const startFailed = ({ dir, name }: RunRef): EnvironmentError =>
  new EnvironmentError(`${name} could not be started.`, {
    id: 'run/start-failed',
    details: lastLogLines(join(dir, RUN_FILES.supervisorLog), 10),
    nextSteps: [`The whole story is in ${join(dir, RUN_FILES.supervisorLog)}`],
  });

function spawnSupervisor(dir: string, env: NodeJS.ProcessEnv): ChildProcess {
  const script = join(packageRoot(), 'dist', 'supervisor.js');
  if (!existsSync(script)) throw packageIncomplete(script);
  let log: number;
  try {
    log = openOurs(join(dir, RUN_FILES.supervisorLog), constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT);
  } catch (error) {
    if (error instanceof ForeignFileError) throw error;
    throw explainWriteError(error, dir);
  }
  try {
    // The supervisor starts in the caller's folder, because paths in `env` may be relative to it.
    return spawn(process.execPath, [script, dir], { env, detached: true, stdio: ['ignore', log, log] });
  } finally {
    closeSync(log);
  }
}

function refuseLive(dir: string, name: string): void {
  if (runCondition(dir).state !== 'live') return;
  const host = readSupervisor(dir)?.host ?? hostname();
  throw new UsageError(`${name} is already running${host === hostname() ? '' : ` on ${host}`}.`, {
    id: 'run/already-running',
    nextSteps: [`visiontrain attach ${name}   to watch it`, `visiontrain stop ${name}     to end it`],
  });
}
