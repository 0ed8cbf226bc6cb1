/** What is known of a run from its folder alone: small reads only, since `ps` looks at every run. */
import { closeSync, constants, fstatSync, lstatSync, readSync, type Stats } from 'node:fs';
import { basename, join } from 'node:path';
import { secondsLeft } from '../events/pace.ts';
import { initialState, type PhaseName, type RunState, reduceAll } from '../events/reducer.ts';
import type { RunEvent } from '../events/schema.ts';
import { parseEventLines } from '../events/tail.ts';
import { type Holder, lastHolder } from '../process/claim.ts';
import { ForeignFileError, openRegular, strangeKind } from '../regular-file.ts';
import { RUN_FILES, type RunExit } from './layout.ts';
import { readExit, readExitStrictly, readSupervisor, readSupervisorStrictly } from './run-files.ts';
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

const HEAD = 4096;
const TAIL = 1 << 16;

/** Summary of the run in a folder; undefined when the folder is no run. A damaged one has a summary that says so. */
export function inspectRun(dir: string, now = Date.now() / 1000): RunSummary | undefined {
  let made: Stats;
  try {
    made = lstatSync(join(dir, RUN_FILES.plan));
  } catch {
    // No plan, or a folder that may not be entered.
    return undefined;
  }
  try {
    const strange = strangeKind(made);
    if (strange !== undefined) throw new ForeignFileError(join(dir, RUN_FILES.plan), strange);
    return summaryOf(dir, made.mtimeMs / 1000, now);
  } catch (error) {
    return unreadable(dir, made.mtimeMs / 1000, error);
  }
}

function summaryOf(dir: string, made: number, now: number): RunSummary {
  const holder = lastHolder(join(dir, RUN_FILES.attempts));
  const supervisor = readSupervisorStrictly(dir);
  const exit = readExitStrictly(dir);
  const { state, supervised } = conditionOf(dir, holder, exit);
  const events = state === 'live' || exit === null ? glance(dir) : beginning(dir);
  const live = state === 'live';
  return {
    name: basename(dir),
    dir,
    state,
    phase: live ? (events.phases.at(-1)?.phase ?? null) : null,
    step: live || exit === null ? events.step : exit.step,
    steps: events.steps,
    seconds_left: live ? (secondsLeft(events.pace, events.steps, now) ?? null) : null,
    device: events.device ?? null,
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

/** What the first events tell of the whole run; of one that is over, exit.json tells the rest. */
function beginning(dir: string): RunState {
  return withEvents(dir, initialState, (file) =>
    reduceAll(initialState, parseEventLines(readAt(file, 0, HEAD).toString('utf8')).filter(isRun)),
  );
}

/** State from the first and the newest events only: enough for step, pace and phase, and the same cost for any run. */
function glance(dir: string): RunState {
  return withEvents(dir, initialState, (file, size) => {
    if (size <= HEAD + TAIL) return reduceAll(initialState, parseEventLines(readAt(file, 0, size).toString('utf8')));
    const head = readAt(file, 0, HEAD);
    const tail = readAt(file, size - TAIL, TAIL);
    // What lies between is missing, so a resumed run's steps may seem to jump: only the newest count.
    const first = parseEventLines(head.toString('utf8')).filter(isIdentity);
    const newest = parseEventLines(tail.toString('utf8'));
    return reduceAll(initialState, [...first, ...phaseBefore(newest), ...newest]);
  });
}

function withEvents<T>(dir: string, none: T, read: (file: number, size: number) => T): T {
  let file: number;
  try {
    file = openRegular(join(dir, RUN_FILES.events), constants.O_RDONLY);
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

/** The phase that the newest events belong to, when its beginning is not among them. */
function phaseBefore(newest: readonly RunEvent[]): RunEvent[] {
  for (const event of newest) {
    const { seq, t } = event;
    if (event.type === 'phase') return [];
    const phase = event.type === 'step' ? 'train' : event.type === 'progress' ? (event.phase as PhaseName) : undefined;
    if (phase !== undefined) return [{ v: 1, seq, t, type: 'phase', phase }];
  }
  return [];
}

const isRun = (event: RunEvent): boolean => event.type === 'run';

const isIdentity = (event: RunEvent): boolean =>
  event.type === 'run' || event.type === 'active' || event.type === 'start' || event.type === 'phase';

function readAt(file: number, position: number, length: number): Buffer {
  const buffer = Buffer.alloc(length);
  return buffer.subarray(0, readSync(file, buffer, 0, length, position));
}
