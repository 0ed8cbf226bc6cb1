import { existsSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../../base/errors.ts';
import { nearest } from '../../base/nearest.ts';
import { typedPath } from '../../base/typed-path.ts';
import { inspectRun } from './inspect.ts';
import { runNames } from './list.ts';
import { isRun, type RunSummary } from './summary.ts';

/**
 * The run that `query` names: a name, the unique beginning of one, `last`, or the path of its folder (or of a file in
 * it).
 * @throws UsageError that lists the existing runs
 */
export function findRun(query: string, runs: string): RunSummary {
  const names = runNames(runs);
  const named = names.includes(query) ? join(runs, query) : asPath(query);
  const found = named === undefined ? undefined : inspectRun(named);
  if (found !== undefined) return found;
  if (query === 'last') {
    const all = names.flatMap((name) => inspectRun(join(runs, name)) ?? []);
    const sound = all.filter(({ state }) => state !== 'unreadable');
    const newest = sound.sort((a, b) => b.started_at - a.started_at)[0];
    if (newest !== undefined) return newest;
  }
  const begun = query === '' ? [] : names.filter((name) => name.startsWith(query));
  const only = begun.length === 1 && begun[0] !== undefined ? inspectRun(join(runs, begun[0])) : undefined;
  if (only !== undefined) return only;
  if (begun.length > 1)
    throw new UsageError(`Several runs begin with ${query}: ${begun.sort().join(', ')}.`, {
      id: 'run/several',
      nextSteps: ['Type more of the name.'],
    });
  const near = nearest(query, names);
  throw new UsageError(
    near === undefined ? `There is no run ${query}.` : `There is no run ${query}. Did you mean ${near}?`,
    {
      id: 'run/none',
      details: names.length === 0 ? [`There are no runs in ${runs} yet.`] : [],
      nextSteps: names.length === 0 ? ['visiontrain   to make one'] : ['visiontrain ps --older   lists them all'],
    },
  );
}

function asPath(query: string): string | undefined {
  const path = typedPath(query, '.');
  if (!existsSync(path)) return undefined;
  const dir = statSync(path).isDirectory() ? path : join(path, '..');
  return isRun(dir) ? realpathSync(dir) : undefined;
}
