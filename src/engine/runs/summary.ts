/**
 * Summarises a run folder without its events, which is enough for most runs. `ps` loads this module for every run, and
 * the readers of events only for live runs.
 */
import { closeSync, constants, fstatSync, lstatSync, readSync } from 'node:fs';
import { basename, join } from 'node:path';
import { ForeignFileError, openOurs, strangeKind } from '../../base/files/regular-file.ts';
import { type Holder, lastHolder } from '../../base/process/claim.ts';
import { RUN_FILES, type RunExit } from '../run-folder/layout.ts';
import { readExit, readExitStrictly, readSupervisor, readSupervisorStrictly } from '../run-folder/run-files.ts';
import { isTrainerOf } from './trainer-proof.ts';

/**
 * Condition of a run. `created`: it was never started. `died`: neither supervisor nor trainer runs, and neither wrote
 * how it ended. `unreadable`: a file in the folder is not what visiontrain writes.
 */
export type RunCondition = 'created' | 'live' | 'finished' | 'stopped' | 'failed' | 'died' | 'unreadable';

export interface RunSummary {
  readonly name: string;
  readonly dir: string;
  readonly state: RunCondition;
  /** Phase of a live run; null for others. */
  readonly phase: string | null;
  readonly step: number;
  readonly steps: number;
  readonly seconds_left: number | null;
  readonly device: string | null;
  readonly attempt: number;
  readonly host: string | null;
  /** Time of the newest start, in seconds since 1970; the folder's time when the run never started. */
  readonly started_at: number;
  /** False for a live run that trains without a supervisor, so that exit.json will not be written. */
  readonly supervised: boolean;
  readonly exit: RunExit | null;
  /** For an unreadable run: which file is wrong, and why. */
  readonly problem: string | null;
}

/** A run as a row of a list. */
export type RunRow = Omit<RunSummary, 'dir' | 'attempt' | 'host' | 'exit'>;

/** The part of a summary that comes from events.jsonl. */
export type RunGlance = Pick<RunSummary, 'phase' | 'step' | 'steps' | 'seconds_left' | 'device'>;

/**
 * Whether a folder is that of a run: it has a plan.json, whatever its content. A folder that may not be entered is
 * none.
 */
export function isRun(dir: string): boolean {
  try {
    lstatSync(join(dir, RUN_FILES.plan));
    return true;
  } catch {
    return false;
  }
}

/**
 * Summary of the run in a folder; the summary of a damaged run says so. For a live or dead run `glance` is called,
 * since exit.json is enough only for the others. Without `glance` the result for such a run is undefined.
 */
export function summarise(dir: string): RunSummary | undefined;
export function summarise(dir: string, glance: (dir: string) => RunGlance): RunSummary;
export function summarise(dir: string, glance?: (dir: string) => RunGlance): RunSummary | undefined {
  const made = lstatSync(join(dir, RUN_FILES.plan));
  try {
    const strange = strangeKind(made);
    if (strange !== undefined) throw new ForeignFileError(join(dir, RUN_FILES.plan), strange);
    return soundSummary(dir, made.mtimeMs / 1000, glance);
  } catch (error) {
    return unreadable(dir, made.mtimeMs / 1000, error);
  }
}

function soundSummary(dir: string, made: number, glance?: (dir: string) => RunGlance): RunSummary | undefined {
  const holder = lastHolder(join(dir, RUN_FILES.attempts));
  const supervisor = readSupervisorStrictly(dir);
  const exit = readExitStrictly(dir);
  const { state, supervised } = conditionOf(dir, holder, exit);
  const live = state === 'live';
  const over = state === 'created' || (exit !== null && !live);
  if (!over && glance === undefined) return undefined;
  const glanced = over || glance === undefined ? { ...beginning(dir), step: exit?.step ?? 0 } : glance(dir);
  return {
    name: basename(dir),
    dir,
    state,
    ...glanced,
    phase: live ? glanced.phase : null,
    seconds_left: live ? glanced.seconds_left : null,
    attempt: holder?.number ?? 0,
    host: supervisor?.host ?? null,
    started_at: supervisor?.started_at ?? made,
    supervised,
    exit: live ? null : exit,
    problem: null,
  };
}

function unreadable(dir: string, made: number, error: unknown): RunSummary {
  const { code, path, message } = error as NodeJS.ErrnoException;
  const why = code === undefined ? message : `${path ?? dir} cannot be read (${code})`;
  return {
    name: basename(dir),
    dir,
    state: 'unreadable',
    phase: null,
    step: 0,
    steps: 0,
    seconds_left: null,
    device: null,
    attempt: 0,
    host: null,
    started_at: made,
    supervised: false,
    exit: null,
    problem: why.replace(`${dir}/`, '').replace(/\.$/, ''),
  };
}

export interface Condition {
  readonly state: RunCondition;
  /** Whether its supervisor lives, even if only to write the last event. */
  readonly supervised: boolean;
}

/** Whether the run is live, and if not, how it ended. */
export const runCondition = (dir: string): Condition =>
  conditionOf(dir, lastHolder(join(dir, RUN_FILES.attempts)), readExit(dir));

function conditionOf(dir: string, holder: Holder | undefined, exit: RunExit | null): Condition {
  if (holder === undefined) return { state: 'created', supervised: false };
  if (holder.live) return { state: exit === null ? 'live' : exit.status, supervised: true };
  if (exit !== null) return { state: exit.status, supervised: false };
  const trainer = readSupervisor(dir)?.trainer ?? null;
  const alone = trainer !== null && isTrainerOf(dir, trainer);
  return { state: alone ? 'live' : 'died', supervised: false };
}

/** Bytes that are read for the first event; it is shorter. */
const HEAD = 4096;

/** The facts in the first event, which hold for the whole run. */
function beginning(dir: string): RunGlance {
  const line = withEvents(dir, '', (file) => {
    const head = readAt(file, 0, HEAD);
    return head.toString('utf8', 0, Math.max(0, head.indexOf(10)));
  });
  let first: { type?: unknown; steps?: unknown; device?: unknown } | null = null;
  try {
    first = JSON.parse(line);
  } catch {
    // The run was never started, or its first line is no event of ours, so nothing is known.
  }
  const { type, steps, device } = first ?? {};
  const known = type === 'run' && Number.isSafeInteger(steps) && (steps as number) >= 0;
  return {
    phase: null,
    step: 0,
    steps: known ? (steps as number) : 0,
    seconds_left: null,
    device: known && typeof device === 'string' ? device : null,
  };
}

/**
 * Calls `read` with the open events.jsonl and its size; returns `none` when there is no such file.
 * @throws ForeignFileError when it is no plain file
 */
export function withEvents<T>(dir: string, none: T, read: (file: number, size: number) => T): T {
  let file: number;
  try {
    file = openOurs(join(dir, RUN_FILES.events), constants.O_RDONLY);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return none;
    throw error;
  }
  try {
    return read(file, fstatSync(file).size);
  } finally {
    closeSync(file);
  }
}

export function readAt(file: number, position: number, length: number): Buffer {
  const buffer = Buffer.alloc(length);
  return buffer.subarray(0, readSync(file, buffer, 0, length, position));
}
