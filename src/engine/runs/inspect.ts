/** What is known of a run from its folder alone: small reads only, since `ps` looks at every run. */
import { closeSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import { basename, join } from 'node:path';
import { secondsLeft } from '../events/pace.ts';
import { initialState, type PhaseName, type RunState, reduceAll } from '../events/reducer.ts';
import type { RunEvent } from '../events/schema.ts';
import { parseEventLines } from '../events/tail.ts';
import { lastHolder } from '../process/claim.ts';
import { isAlive } from '../process/identity.ts';
import { statOf } from '../stat.ts';
import { RUN_FILES, type RunExit, type SupervisorFile } from './layout.ts';

/** `created`: never started. `died`: neither supervisor nor trainer runs, and none said how it ended. */
export type RunCondition = 'created' | 'live' | 'finished' | 'stopped' | 'failed' | 'died';

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
}

const HEAD = 4096;
const TAIL = 1 << 16;

/** Summary of the run in a folder; undefined when the folder is no run. */
export function inspectRun(dir: string, now = Date.now() / 1000): RunSummary | undefined {
  const made = statOf(join(dir, RUN_FILES.plan));
  if (made === undefined) return undefined;
  const { state, supervised } = runCondition(dir);
  const supervisor = readSupervisor(dir);
  const events = glance(dir);
  const phase = events.phases.at(-1)?.phase ?? null;
  return {
    name: basename(dir),
    dir,
    state,
    phase: state === 'live' ? phase : null,
    step: events.step,
    steps: events.steps,
    seconds_left: state === 'live' ? (secondsLeft(events.pace, events.steps, now) ?? null) : null,
    device: events.device ?? null,
    attempt: lastHolder(join(dir, RUN_FILES.attempts))?.number ?? 0,
    host: supervisor?.host ?? null,
    started_at: supervisor?.started_at ?? made.mtimeMs / 1000,
    supervised,
    exit: state === 'live' ? null : readExit(dir),
  };
}

export interface Condition {
  readonly state: RunCondition;
  /** Its supervisor lives, if only to write the last event. */
  readonly supervised: boolean;
}

/** Whether the run goes on, and if not, how it ended. */
export function runCondition(dir: string): Condition {
  const holder = lastHolder(join(dir, RUN_FILES.attempts));
  if (holder === undefined) return { state: 'created', supervised: false };
  const supervised = holder.live;
  const exit = readExit(dir);
  if (exit !== null) return { state: exit.status, supervised };
  const trainer = readSupervisor(dir)?.trainer ?? null;
  const trains = trainer !== null && isAlive(trainer) === true;
  return { state: supervised || trains ? 'live' : 'died', supervised };
}

export const readExit = (dir: string): RunExit | null => readJson<RunExit>(join(dir, RUN_FILES.exit));

export const readSupervisor = (dir: string): SupervisorFile | null =>
  readJson<SupervisorFile>(join(dir, RUN_FILES.supervisor));

function readJson<T>(path: string): T | null {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as T;
  } catch {
    return null;
  }
}

/** State from the first and the newest events only: enough for step, pace and phase, and the same cost for any run. */
function glance(dir: string): RunState {
  let file: number;
  try {
    file = openSync(join(dir, RUN_FILES.events), 'r');
  } catch {
    return initialState;
  }
  try {
    const { size } = fstatSync(file);
    if (size <= HEAD + TAIL) return reduceAll(initialState, parseEventLines(readAt(file, 0, size).toString('utf8')));
    const head = readAt(file, 0, HEAD);
    const tail = readAt(file, size - TAIL, TAIL);
    // What lies between is missing, so a resumed run's steps may seem to jump: only the newest count.
    const first = parseEventLines(head.toString('utf8')).filter(isIdentity);
    const newest = parseEventLines(tail.toString('utf8'));
    return reduceAll(initialState, [...first, ...phaseBefore(newest), ...newest]);
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

const isIdentity = (event: RunEvent): boolean =>
  event.type === 'run' || event.type === 'active' || event.type === 'start' || event.type === 'phase';

function readAt(file: number, position: number, length: number): Buffer {
  const buffer = Buffer.alloc(length);
  return buffer.subarray(0, readSync(file, buffer, 0, length, position));
}
