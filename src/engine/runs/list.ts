import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { isMissing } from '../../base/files/fs-errors.ts';
import { type EndedRuns, endedRuns } from './ended.ts';
import { isRun, type RunRow, type RunSummary, summarise } from './summary.ts';

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
const byAge = (a: RunRow, b: RunRow): number => isLive(b) - isLive(a) || b.started_at - a.started_at;

/** Rows of all runs below a folder, in the order of `listRuns`. Rows of ended runs are remembered below `cache`. */
export async function listRows(runs: string, cache: string): Promise<RunRow[]> {
  const names = namesIn(runs);
  const ended = names.length === 0 ? undefined : endedRuns(runs, cache);
  const rows: RunRow[] = [];
  for (const name of names) {
    const row = ended?.row(name) ?? (await readRow(join(runs, name), ended));
    if (row !== undefined) rows.push(row);
  }
  ended?.save();
  return rows.sort(byAge);
}

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
