/**
 * The queue of a folder of runs: one small file for each waiting run. The run itself is made when it is queued, so
 * that later changes of its run.yaml do not affect it.
 */
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { UsageError } from '../../base/errors.ts';
import { writeFileAtomic } from '../../base/files/atomic.ts';
import { makeFolder } from '../../base/files/folder.ts';
import { isMissing } from '../../base/files/fs-errors.ts';
import { readOurs } from '../../base/files/regular-file.ts';
import { lastHolder } from '../../base/process/claim.ts';
import { isIdentity, isOfThisMachine } from '../../base/process/identity.ts';
import { RUN_FILES } from '../run-folder/layout.ts';
import { glanceAtPlan } from '../run-folder/run-files.ts';
import { isRun, runCondition } from '../runs/summary.ts';

/** A waiting run. */
export interface QueueEntry {
  /** Position in the queue: a lower number is started first. */
  readonly number: number;
  readonly run: string;
  /** Card of its plan: `cuda:0`, `cpu`, `cuda:0+cuda:1`. */
  readonly device: string;
  /** Number of starts of the run when it was queued. If the run has more by now, it was taken from the queue. */
  readonly attempts: number;
  /** Why the run could not be started; undefined while nothing is wrong. */
  readonly problem?: string;
  /** Whether the person holds the entry back. */
  readonly held?: true;
  /** Name of the run that must finish first. */
  readonly after?: string;
}

/** Folder of the queue in the folder of the runs. */
export const queueFolder = (runs: string): string => join(runs, '.queue');

const MOST_BYTES = 1 << 14;
const FILE = /^\d{6,9}\.json$/;
const fileOf = (runs: string, number: number) => join(queueFolder(runs), `${String(number).padStart(6, '0')}.json`);

/** The name of a card in one form: `cuda` is the first card. */
export const canonicalCard = (device: string): string => (device === 'cuda' ? 'cuda:0' : device);

/** Number of times that a run was started. */
export const startsOf = (dir: string): number => lastHolder(join(dir, RUN_FILES.attempts))?.number ?? 0;

/** The card for which a run was planned; if several train together, all of them, as in `cuda:0+cuda:2`. */
export function plannedCard(dir: string): string {
  const plan = glanceAtPlan(dir) as { resources?: { device?: unknown; cards?: unknown } } | undefined;
  const { device, cards } = plan?.resources ?? {};
  if (Array.isArray(cards) && cards.length > 0) return cards.map((index) => `cuda:${index}`).join('+');
  return canonicalCard(typeof device === 'string' ? device : 'cpu');
}

/**
 * Whether the process that holds a run uses the cards of this machine. Other machines that share the folder have cards
 * of their own with the same names. A process that is not known is taken to be here.
 */
export const isHere = (holder: unknown): boolean => !isIdentity(holder) || isOfThisMachine(holder);

/** Whether a run trains on cards of this machine. */
export const trainsHere = (dir: string): boolean =>
  runCondition(dir).state === 'live' && isHere(lastHolder(join(dir, RUN_FILES.attempts))?.identity);

/** The single cards in the `device` of an entry or a run. */
export const cardsOf = (device: string): readonly string[] => device.split('+');

/** All entries in the order in which they are started. A file that is no entry is skipped. */
export function queueEntries(runs: string): QueueEntry[] {
  let numbers: number[];
  try {
    numbers = queueNumbers(runs);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
  return numbers.flatMap((number) => readEntry(runs, number) ?? []);
}

/** Whether a text can be the name of a run. The name becomes a path. */
const isName = (text: unknown): text is string =>
  typeof text === 'string' && text !== '' && basename(text) === text && !text.startsWith('.');

function readEntry(runs: string, number: number): QueueEntry | undefined {
  try {
    const value: unknown = JSON.parse(readOurs(fileOf(runs, number), MOST_BYTES)?.toString('utf8') ?? '');
    const { run, device, attempts, problem, held, after } = value as Record<string, unknown>;
    if (!isName(run) || typeof device !== 'string' || !Number.isSafeInteger(attempts)) return undefined;
    return {
      ...{ number, run, device, attempts: attempts as number },
      ...(typeof problem === 'string' ? { problem } : {}),
      ...(held === true ? { held } : {}),
      ...(isName(after) ? { after } : {}),
    };
  } catch {
    return undefined;
  }
}

/**
 * Puts a run at the end of the queue; if `after` names a run, it waits for that one.
 * @throws UsageError when it is already in the queue
 */
export function enqueue(runs: string, run: string, after?: string): QueueEntry {
  if (queueEntries(runs).some((entry) => entry.run === run))
    throw new UsageError(`${run} is in the queue already.`, {
      id: 'queue/twice',
      nextSteps: ['visiontrain queue list'],
    });
  const dir = join(runs, run);
  const body = { run, device: plannedCard(dir), attempts: startsOf(dir), ...(after === undefined ? {} : { after }) };
  makeFolder(queueFolder(runs), 0o700);
  for (let number = (queueNumbers(runs).at(-1) ?? 0) + 1; ; number += 1) {
    try {
      writeFileSync(fileOf(runs, number), `${JSON.stringify(body)}\n`, { flag: 'wx', mode: 0o600 });
      return { number, ...body };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

const queueNumbers = (runs: string): number[] =>
  readdirSync(queueFolder(runs))
    .flatMap((name) => (FILE.test(name) ? Number.parseInt(name, 10) : []))
    .sort((a, b) => a - b);

export function dropEntry(runs: string, { number }: QueueEntry): void {
  rmSync(fileOf(runs, number), { force: true });
}

/** Notes why an entry could not be started, so that it does not hold up the entries behind it. */
export const markEntry = (runs: string, entry: QueueEntry, problem: string): void =>
  rewrite(runs, { ...entry, problem });

function rewrite(runs: string, { number, ...entry }: QueueEntry): void {
  writeFileAtomic(fileOf(runs, number), `${JSON.stringify(entry)}\n`, 0o600);
}

/** Holds an entry back, or releases it; releasing also clears the problem that prevented its start. */
export function holdEntry(runs: string, { held: _, problem, ...entry }: QueueEntry, hold: boolean): void {
  rewrite(runs, hold ? { ...entry, ...(problem === undefined ? {} : { problem }), held: true } : entry);
}

/**
 * Puts the entries into this order. They get new numbers above all used ones, and the old files are removed last: if
 * the process is killed in between, a run has two entries, and each run is started once.
 */
export function orderEntries(runs: string, ordered: readonly QueueEntry[]): void {
  const first = (queueNumbers(runs).at(-1) ?? 0) + 1;
  for (const [i, entry] of ordered.entries()) rewrite(runs, { ...entry, number: first + i });
  for (const entry of ordered) dropEntry(runs, entry);
}

/** Whether an entry is done: its run was started since, or is gone. */
export function isTaken(runs: string, { run, attempts }: QueueEntry): boolean {
  const dir = join(runs, run);
  return !isRun(dir) || startsOf(dir) > attempts;
}
