import { EXIT, UsageError } from '../../../base/errors.ts';
import { absolute, displayPath } from '../../../base/paths.ts';
import { collectReport } from '../../../engine/report/collect.ts';
import { compareReports, type RunsCompared } from '../../../engine/report/compare.ts';
import { betterFirst, type KeyEffect, sweepEffects } from '../../../engine/report/sweep.ts';
import type { RunReport } from '../../../engine/report/types.ts';
import { findRun } from '../../../engine/runs/find.ts';
import { findGroup, type RunGroup, sweepOfRun } from '../../../engine/runs/groups.ts';
import { runNames } from '../../../engine/runs/list.ts';
import type { RunSummary } from '../../../engine/runs/summary.ts';
import { renderComparePage } from '../../../report/compare.tsx';
import { ImageShrinker } from '../../../report/images.ts';
import type { CommandRun } from '../../shell/context.ts';
import { text } from '../shared/options.ts';
import { writePage } from '../shared/write-page.ts';
import { LETTERS, showComparison } from './show-compare.ts';

/** Most runs on one page of HTML: colours of more cannot be told apart. */
const MOST_ON_PAGE = 12;

/** Runs that are compared, in the order in which they are shown. */
interface Shown {
  readonly group: string | null;
  readonly summaries: readonly RunSummary[];
  readonly reports: readonly RunReport[];
  readonly effects: readonly KeyEffect[];
}

/** Shows runs beside each other, or all runs of a group, the best first. */
export const run: CommandRun = async (queries, options, context) => {
  const { out, places, flags } = context;
  const [query = ''] = queries;
  const named = queries.length === 1 && !runNames(places.runs).includes(query);
  const group = named ? findGroup(query, places.runs) : undefined;
  const shown = group === undefined ? fromNames(queries, places.runs) : fromGroup(group);
  const compared = compareReports(shown.reports);
  const html = text(options.html);
  if (html !== undefined) {
    const path = absolute(html, { cwd: process.cwd() });
    writePage(path, pageOf(shown), '--html FILE');
    if (!flags.json) {
      out.talk(`Written: ${displayPath(path, process.cwd())}`);
      const more = shown.reports.length - MOST_ON_PAGE;
      if (more > 0) out.talk(`It shows the first ${MOST_ON_PAGE} runs; ${more} more are in the table alone.`);
    }
  }
  if (flags.json) out.json({ group: shown.group, ...compared, effects: shown.effects });
  else showComparison({ ...shown, compared }, context);
  return EXIT.ok;
};

function fromNames(queries: readonly string[], runs: string): Shown {
  const summaries = [...new Map(queries.map((query) => findRun(query, runs)).map((s) => [s.dir, s])).values()];
  if (summaries.length < 2 || summaries.length > LETTERS.length) {
    const own = summaries[0] === undefined ? undefined : sweepOfRun(summaries[0].dir)?.group;
    throw new UsageError(`compare takes 2 to ${LETTERS.length} different runs; these are ${summaries.length}.`, {
      id: 'command/wrong',
      nextSteps: [
        ...(own === undefined ? [] : [`visiontrain compare ${own}   all runs of its sweep`]),
        'visiontrain ps   lists them all',
      ],
    });
  }
  return { group: null, summaries, reports: summaries.map(collectReport), effects: [] };
}

function fromGroup({ name, runs }: RunGroup): Shown {
  const reports = runs.map(({ summary }) => collectReport(summary));
  const compared = compareReports(reports).runs;
  const all = runs.flatMap(({ summary, values }, i) => {
    const [report, of] = [reports[i], compared[i]];
    return report === undefined || of === undefined ? [] : [{ summary, values, report, compared: of }];
  });
  all.sort((a, b) => betterFirst(a.compared, b.compared));
  return {
    group: name,
    summaries: all.map(({ summary }) => summary),
    reports: all.map(({ report }) => report),
    effects: sweepEffects(all),
  };
}

function pageOf({ summaries, reports: all, effects }: Shown): string {
  const reports = all.slice(0, MOST_ON_PAGE);
  const compared: RunsCompared = compareReports(reports);
  const samples = compared.samples.flatMap(({ newest }) => newest).length;
  const images = summaries.slice(0, MOST_ON_PAGE).map(({ dir }, i) => {
    const paths = compared.samples.flatMap(({ newest }) => newest[i]?.path ?? []);
    // The images of all runs together stay as small as those of one page.
    return new ImageShrinker(paths.length / Math.max(1, samples)).shrink(dir, [...new Set(paths)]);
  });
  return renderComparePage({ reports, compared, images, effects });
}
