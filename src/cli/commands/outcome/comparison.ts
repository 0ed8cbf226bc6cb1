/** The contents of a comparison: runs with their reports, and their page. */
import { collectReport } from '../../../engine/report/collect.ts';
import { compareReports, type RunsCompared } from '../../../engine/report/compare.ts';
import { betterFirst, type KeyEffect, sweepEffects } from '../../../engine/report/sweep.ts';
import type { RunReport } from '../../../engine/report/types.ts';
import type { RunGroup } from '../../../engine/runs/groups.ts';
import type { RunSummary } from '../../../engine/runs/summary.ts';
import { renderComparePage } from '../../../report/compare.tsx';
import { ImageShrinker } from '../../../report/images.ts';

/** Most runs on one HTML page: more colours cannot be told apart. */
export const MOST_ON_PAGE = 12;

/** Runs to compare, in the order in which they are shown. */
export interface ComparedRuns {
  readonly group: string | null;
  readonly summaries: readonly RunSummary[];
  readonly reports: readonly RunReport[];
  readonly effects: readonly KeyEffect[];
}

/** All runs of a group, the best first. */
export function comparisonOf({ name, runs }: RunGroup): ComparedRuns {
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

export function comparisonPage({ summaries, reports: all, effects }: ComparedRuns): string {
  const reports = all.slice(0, MOST_ON_PAGE);
  const compared: RunsCompared = compareReports(reports);
  const samples = compared.samples.flatMap(({ newest }) => newest).length;
  const images = summaries.slice(0, MOST_ON_PAGE).map(({ dir }, i) => {
    const paths = compared.samples.flatMap(({ newest }) => newest[i]?.path ?? []);
    // The images of all runs together take no more bytes than those of one page.
    return new ImageShrinker(paths.length / Math.max(1, samples)).shrink(dir, [...new Set(paths)]);
  });
  return renderComparePage({ reports, compared, images, effects });
}
