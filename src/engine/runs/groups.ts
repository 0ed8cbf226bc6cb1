/** Groups of runs: the runs of a sweep, which have the same group in their env.json. */
import { join } from 'node:path';
import { readOurs } from '../../base/files/regular-file.ts';
import { RUN_FILES } from '../run-folder/layout.ts';
import { inspectRun } from './inspect.ts';
import { runNames } from './list.ts';
import type { RunSummary } from './summary.ts';

export interface GroupedRun {
  readonly summary: RunSummary;
  /** The values of this run for the settings that differ within the group. */
  readonly values: Readonly<Record<string, unknown>>;
}

export interface RunGroup {
  readonly name: string;
  /** The runs, sorted by name. */
  readonly runs: readonly GroupedRun[];
}

/** Most bytes of env.json. */
const MOST_BYTES = 1 << 20;

interface Membership {
  readonly group: string;
  readonly values: Readonly<Record<string, unknown>>;
  /** Number of the run in a search; undefined when the group is no search. */
  readonly trial: number | undefined;
}

/** The group of a run; undefined for a run that was made alone, or whose env.json cannot be read. */
export function sweepOfRun(dir: string): Membership | undefined {
  try {
    const facts: unknown = JSON.parse(readOurs(join(dir, RUN_FILES.environment), MOST_BYTES)?.toString('utf8') ?? '');
    const { sweep } = facts as { sweep?: { group?: unknown; values?: unknown; trial?: unknown } };
    if (typeof sweep?.group !== 'string') return undefined;
    const values = typeof sweep.values === 'object' && sweep.values !== null ? sweep.values : {};
    const trial = Number.isSafeInteger(sweep.trial) ? (sweep.trial as number) : undefined;
    return { group: sweep.group, values: values as Readonly<Record<string, unknown>>, trial };
  } catch {
    return undefined;
  }
}

/** The group of this name, or the only one whose name begins with it; undefined where there is none. */
export function findGroup(query: string, runs: string): RunGroup | undefined {
  if (query === '') return undefined;
  const members = runNames(runs).flatMap((name) => {
    const dir = join(runs, name);
    const of = sweepOfRun(dir);
    return of?.group.startsWith(query) === true ? [{ dir, ...of }] : [];
  });
  const names = new Set(members.map(({ group }) => group));
  const name = names.has(query) ? query : names.size === 1 ? [...names][0] : undefined;
  if (name === undefined) return undefined;
  const grouped = members.flatMap(({ dir, group, values }) => {
    const summary = group === name ? inspectRun(dir) : undefined;
    return summary === undefined ? [] : [{ summary, values }];
  });
  return { name, runs: grouped.sort((a, b) => (a.summary.name < b.summary.name ? -1 : 1)) };
}
