import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { isMissing } from '../../base/files/fs-errors.ts';
import { type EndedRuns, endedRuns } from './ended.ts';
import { isRun, type RunCondition, type RunRow, type RunSummary, summarise } from './summary.ts';

/** All runs below a folder: live ones first, then the newest first. */
export async function listRuns(runs: string): Promise<RunSummary[]> {
  const all: RunSummary[] = [];
  for (const name of runNames(runs)) {
    const dir = join(runs, name);
    const run = await inspected(dir);
    if (run !== undefined) all.push(run);
  }
  return all.sort(byAge);
}

const inspected = async (dir: string): Promise<RunSummary | undefined> =>
  summarise(dir) ?? (await import('./inspect.ts')).inspectRun(dir);

const isLive = (run: RunRow): number => (run.state === 'live' ? 1 : 0);
const byAge = (a: RunRow, b: RunRow): number =>
  isLive(b) - isLive(a) || b.started_at - a.started_at || (a.name < b.name ? -1 : 1);

/** Some of the runs below a folder, in the order of `listRuns`. */
export interface RunList {
  readonly rows: readonly RunRow[];
  /** Number of runs that are not among the rows. */
  readonly older: number;
}

/** The rows of all runs. Rows of ended runs are remembered below `cache`. */
export async function listRows(runs: string, cache: string): Promise<RunList> {
  const names = namesIn(runs);
  const ended = names.length === 0 ? undefined : endedRuns(runs, cache, pickOf(new Set(), 0));
  const rows = await readAll(names, runs, ended);
  ended?.save(names, true);
  return { rows: rows.sort(byAge), older: 0 };
}

/**
 * The rows that a person looks for, see `newestRows`. Of ended runs only those are looked at, where enough is remembered
 * below `cache`.
 */
export async function listNewest(runs: string, cache: string, waiting: ReadonlySet<string>): Promise<RunList> {
  const pick = pickOf(waiting, Date.now() / 1000);
  const ended = endedRuns(runs, cache, pick);
  const { newest } = ended ?? {};
  const names =
    newest === undefined ? namesIn(runs) : [...new Set([...newest.others, ...Object.keys(newest.rows), ...waiting])];
  const rows = await readAll(names, runs, ended);
  if (names.length > 0) ended?.save(names, newest === undefined);
  const shown = pick(rows.sort(byAge));
  const looked = rows.filter(({ name }) => newest?.others.has(name) !== true).length;
  const unlooked = newest === undefined ? 0 : Math.max(0, newest.ended - looked);
  return { rows: shown, older: unlooked + rows.length - shown.length };
}

async function readAll(names: readonly string[], runs: string, ended: EndedRuns | undefined): Promise<RunRow[]> {
  const rows: RunRow[] = [];
  for (const name of names) {
    const row = ended?.row(name) ?? (await readRow(join(runs, name), ended));
    if (row !== undefined) rows.push(row);
  }
  return rows;
}

const pickOf = (waiting: ReadonlySet<string>, now: number) => (rows: readonly RunRow[]) =>
  newestRows(rows, waiting, now);

/** Runs that ended and are shown when nobody asks for older ones; and as many that failed lately. */
const NEWEST = 20;
/** Seconds for which a run that failed is not hidden by newer ones. */
const LATELY = 7 * 24 * 3600;

/**
 * What a person looks for in a list of many runs: what is live or waits, the newest that ended, and what failed lately.
 * @param waiting names of the runs in the queue
 * @param now seconds since 1970
 */
export function newestRows(rows: readonly RunRow[], waiting: ReadonlySet<string>, now: number): RunRow[] {
  const isOpen = ({ state, name }: RunRow) => state === 'live' || waiting.has(name);
  const over = rows.filter((row) => !isOpen(row)).sort(byAge);
  const failed = over.filter(({ state, started_at }) => WRONG.has(state) && started_at > now - LATELY);
  const chosen = new Set([...over.slice(0, NEWEST), ...failed.slice(0, NEWEST)]);
  return rows.filter((row) => isOpen(row) || chosen.has(row));
}

const WRONG: ReadonlySet<RunCondition> = new Set(['failed', 'died', 'unreadable']);

async function readRow(dir: string, ended: EndedRuns | undefined): Promise<RunRow | undefined> {
  const row = isRun(dir) ? await inspected(dir) : undefined;
  if (row !== undefined) ended?.keep(row);
  return row;
}

/** Names of the runs below a folder; empty when there is no such folder. */
export const runNames = (runs: string): string[] => namesIn(runs).filter((name) => isRun(join(runs, name)));

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}
