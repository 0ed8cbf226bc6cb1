/** The progress of sweeps, and the paths of their comparisons, for `queue list` and its JSON. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { displayPath } from '../../../base/paths.ts';
import { neutralise } from '../../../base/text.ts';
import { readProgress, readSweep, SWEEP_FILES, sweepFolder, sweepNames } from '../../../engine/search/folder.ts';
import { higherIsBetter, searchMeasure } from '../../../engine/search/measure.ts';
import { yamlValue } from '../../../spec/write.ts';

export interface SweepView {
  readonly group: string;
  /** Prefix of the names of its runs. */
  readonly name: string;
  /** Null for a sweep whose runs were all chosen at its beginning. */
  readonly search: {
    readonly runs: number;
    readonly of: number;
    readonly measure: string;
    readonly best: { readonly value: number; readonly values: Readonly<Record<string, unknown>> } | null;
    readonly over: boolean;
    readonly problem: string | null;
  } | null;
  /** Path of the comparison; null while runs are not over. */
  readonly page: string | null;
  readonly table: string | null;
  /** The machines that its runs were sent to; empty for a sweep of this machine. */
  readonly hosts: readonly string[];
}

export function sweepViews(runs: string): SweepView[] {
  return sweepNames(runs).flatMap((group) => {
    const sweep = readSweep(runs, group);
    if (sweep === undefined) return [];
    const [page = null, table = null] = [SWEEP_FILES.page, SWEEP_FILES.table]
      .map((name) => join(sweepFolder(runs, group), name))
      .map((path) => (existsSync(path) ? path : null));
    const hosts = [...new Set(sweep.members?.map(({ host }) => host))].sort();
    return [{ group, name: sweep.name, search: searchView(runs, group), page, table, hosts }];
  });
}

function searchView(runs: string, group: string): SweepView['search'] {
  const search = readSweep(runs, group)?.search ?? undefined;
  if (search === undefined) return null;
  const { trials = [], over = false, problem = null } = readProgress(runs, group) ?? {};
  const sign = higherIsBetter(searchMeasure(search.measure)) ? -1 : 1;
  const [best] = trials
    .flatMap(({ value, values }) => (value === null ? [] : [{ value, values }]))
    .sort((a, b) => sign * (a.value - b.value));
  return { runs: trials.length, of: search.count, measure: search.measure, best: best ?? null, over, problem };
}

/** Number of finished sweeps that are still listed. */
const MOST_OVER = 3;

/** Lines for people: searches in progress, and the newest comparisons. */
export function sweepLines(views: readonly SweepView[]): string[] {
  const searches = views.flatMap(({ group, name, search }) => {
    if (search === null || search.over) return [];
    const { runs, of, measure, best, problem } = search;
    const lead =
      best === null ? '' : `; ${measure} ${Number(best.value.toPrecision(4))} with ${valuesText(best.values)}`;
    return [
      `${group}: search of ${name}, run ${runs} of ${of}${lead}`,
      ...(problem === null ? [] : [`! ${group}: ${problem}`]),
    ];
  });
  const away = views.flatMap(({ group, name, page, hosts }) =>
    hosts.length === 0 || page !== null
      ? []
      : [`${group}: ${name} on ${hosts.join(', ')}.  visiontrain fetch ${group}   brings home what is over`],
  );
  const over = views
    .flatMap(({ group, page }) => (page === null ? [] : [`${group} is over: ${displayPath(page, process.cwd())}`]))
    .slice(-MOST_OVER);
  return [...searches, ...away.slice(-MOST_OVER), ...over].map((line) => neutralise(line));
}

const valuesText = (values: Readonly<Record<string, unknown>>): string =>
  Object.entries(values)
    .map(([key, value]) => `${key.split('.').at(-1)}=${yamlValue(value)}`)
    .join(' ');
