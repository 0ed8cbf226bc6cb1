/**
 * Which process judges a run, or waits to. Files of the run folder name it, and whoever could write there could name any
 * other. So the process is known by what it has open, and on a machine that this one cannot look into by its heartbeat.
 */
import { closeSync, constants, lstatSync, readdirSync, type Stats, statSync } from 'node:fs';
import { join } from 'node:path';
import { openOurs } from '../../base/files/regular-file.ts';
import { HEARTBEAT_MS, SILENT_MS, stamp } from '../../base/process/claim.ts';
import { isAlive, isIdentity, type ProcessIdentity, ps } from '../../base/process/identity.ts';
import { RUN_FILES } from '../run-folder/layout.ts';

/** The file that names the process: judge.json, or judge-waiting.json. */
type Naming = typeof RUN_FILES.judgement | typeof RUN_FILES.judgeWaiting;

/**
 * Makes this process known as the one that judges the run, or waits to, until what is returned is called.
 * @throws ForeignFileError when the log of judging is no plain file of its own
 */
export function holdJudging(dir: string, naming: Naming): () => void {
  const log = openOurs(join(dir, RUN_FILES.judgeLog), constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT);
  const beat = setInterval(() => stamp(join(dir, naming), new Date()), HEARTBEAT_MS);
  beat.unref();
  return () => {
    clearInterval(beat);
    closeSync(log);
  };
}

/** Whether the process that `naming` names lives and does what that file says. */
export function holdsJudging(dir: string, naming: Naming, named: unknown): boolean {
  if (!isIdentity(named)) return false;
  const alive = isAlive(named);
  if (alive === false) return false;
  const proven = alive === true ? hasLogOpen(dir, named) : undefined;
  return proven ?? isFresh(join(dir, naming));
}

/** Asks that process to end, if it is surely the one. Returns whether it was asked. */
export function endHolder(dir: string, named: unknown): boolean {
  if (!isIdentity(named) || isAlive(named) !== true || hasLogOpen(dir, named) !== true) return false;
  process.kill(named.pid, 'SIGTERM');
  return true;
}

/** Undefined for a process that this one may not look into. */
function hasLogOpen(dir: string, { pid }: ProcessIdentity): boolean | undefined {
  if (process.platform !== 'linux') return ps(['-o', 'args=', '-p', String(pid)]).includes('visiontrain');
  try {
    const log = lstatSync(join(dir, RUN_FILES.judgeLog));
    if (!log.isFile() || log.nlink !== 1) return false;
    const folder = `/proc/${pid}/fd`;
    return readdirSync(folder).some((name) => isSame(log, statSync(join(folder, name), { throwIfNoEntry: false })));
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EACCES' ? undefined : false;
  }
}

const isSame = (one: Stats, other: Stats | undefined) => one.ino === other?.ino && one.dev === other.dev;

/** A clock that is wrong either way makes a file no fresher. */
function isFresh(path: string): boolean {
  try {
    return Math.abs(Date.now() - lstatSync(path).mtimeMs) < SILENT_MS;
  } catch {
    return false;
  }
}
