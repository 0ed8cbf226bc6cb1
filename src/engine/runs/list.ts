import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { isMissing } from '../../base/files/fs-errors.ts';
import { isRun, type RunSummary, summarise } from './summary.ts';

/** All runs below a folder: live ones first, then the newest first. */
export async function listRuns(runs: string): Promise<RunSummary[]> {
  const all: RunSummary[] = [];
  for (const name of runNames(runs)) {
    const dir = join(runs, name);
    const run = summarise(dir) ?? (await import('./inspect.ts')).inspectRun(dir);
    if (run !== undefined) all.push(run);
  }
  const isLive = (run: RunSummary): number => (run.state === 'live' ? 1 : 0);
  return all.sort((a, b) => isLive(b) - isLive(a) || b.started_at - a.started_at);
}

/** Names of the runs below a folder; empty when there is no such folder. */
export function runNames(runs: string): string[] {
  try {
    return readdirSync(runs).filter((name) => isRun(join(runs, name)));
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}
