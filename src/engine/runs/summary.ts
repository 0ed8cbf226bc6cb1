/**
 * What a run folder tells without its events, which is all of most runs: `ps` loads this for every run, and the readers
 * of events only where a run goes on.
 */
import { closeSync, constants, fstatSync, lstatSync, readSync } from 'node:fs';
import { basename, join } from 'node:path';
import { ForeignFileError, openOurs, strangeKind } from '../../base/files/regular-file.ts';
import { type Holder, lastHolder } from '../../base/process/claim.ts';
import { RUN_FILES, type RunExit } from '../run-folder/layout.ts';
import { readExit, readExitStrictly, readSupervisor, readSupervisorStrictly } from '../run-folder/run-files.ts';
import { isTrainerOf } from './trainer-proof.ts';

/**
 * `created`: never started. `died`: neither supervisor nor trainer runs, and none said how it ended. `unreadable`: a
 * file of the folder is not what visiontrain writes.
 */
export type RunCondition = 'created' | 'live' | 'finished' | 'stopped' | 'failed' | 'died' | 'unreadable';

export interface RunSummary {
  readonly name: string;
  readonly dir: string;
  readonly state: RunCondition;
  /** Phase a live run is in. */
  readonly phase: string | null;
  readonly step: number;
  readonly steps: number;
  readonly seconds_left: number | null;
  readonly device: string | null;
  readonly attempt: number;
  readonly host: string | null;
  /** Seconds since 1970 of the newest start, or of the folder when it never started. */
  readonly started_at: number;
  /** False on a live run: it trains, but its supervisor is gone, and nobody will write exit.json. */
  readonly supervised: boolean;
  readonly exit: RunExit | null;
  /** What is wrong with an unreadable one: the file and the reason. */
  readonly problem: string | null;
}

/** The part of a summary that stands in events.jsonl. */
export type Glance = Pick<RunSummary, 'phase' | 'step' | 'steps' | 'seconds_left' | 'device'>;

/** Whether a folder is one of a run: plan.json is there, whatever it is. A folder that may not be entered is none. */
export function isRun(dir: string): boolean {
  try {
    lstatSync(join(dir, RUN_FILES.plan));
    return true;
  } catch {
    return false;
  }
}

/**
 * Summary of the run in a folder. A damaged one has a summary that says so. `glance` is asked about a run that goes on or
 * died: exit.json tells of the others. Without it the answer for such a run is undefined.
 */
export function summarise(dir: string): RunSummary | undefined;
export function summarise(dir: string, glance: (dir: string) => Glance): RunSummary;
export function summarise(dir: string, glance?: (dir: string) => Glance): RunSummary | undefined {
  const made = lstatSync(join(dir, RUN_FILES.plan));
  try {
    const strange = strangeKind(made);
    if (strange !== undefined) throw new ForeignFileError(join(dir, RUN_FILES.plan), strange);
    return soundSummary(dir, made.mtimeMs / 1000, glance);
  } catch (error) {
    return unreadable(dir, made.mtimeMs / 1000, error);
  }
}

function soundSummary(dir: string, made: number, glance?: (dir: string) => Glance): RunSummary | undefined {
  const holder = lastHolder(join(dir, RUN_FILES.attempts));
  const supervisor = readSupervisorStrictly(dir);
  const exit = readExitStrictly(dir);
  const { state, supervised } = conditionOf(dir, holder, exit);
  const live = state === 'live';
  const over = state === 'created' || (exit !== null && !live);
  if (!over && glance === undefined) return undefined;
  const told = over || glance === undefined ? { ...beginning(dir), step: exit?.step ?? 0 } : glance(dir);
  return {
    name: basename(dir),
    dir,
    state,
    ...told,
    phase: live ? told.phase : null,
    seconds_left: live ? told.seconds_left : null,
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
  const said = code === undefined ? message : `${path ?? dir} cannot be read (${code})`;
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
    problem: said.replace(`${dir}/`, '').replace(/\.$/, ''),
  };
}

export interface Condition {
  readonly state: RunCondition;
  /** Its supervisor lives, if only to write the last event. */
  readonly supervised: boolean;
}

/** Whether the run goes on, and if not, how it ended. */
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

/** More than the first event has. */
const HEAD = 4096;

/** What the first event tells of the whole run. */
function beginning(dir: string): Glance {
  const line = withEvents(dir, '', (file) => {
    const head = readAt(file, 0, HEAD);
    return head.toString('utf8', 0, Math.max(0, head.indexOf(10)));
  });
  let first: { type?: unknown; steps?: unknown; device?: unknown } | null = null;
  try {
    first = JSON.parse(line);
  } catch {
    // Never started, or no event of ours: nothing is known.
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

/** Reads something of events.jsonl; `none` where there is no such file. Throws ForeignFileError. */
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
