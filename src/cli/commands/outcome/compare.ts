import { EXIT, UsageError } from '../../../base/errors.ts';
import { absolute, displayPath } from '../../../base/paths.ts';
import { collectReport } from '../../../engine/report/collect.ts';
import { compareReports } from '../../../engine/report/compare.ts';
import { findRun } from '../../../engine/runs/find.ts';
import { findGroup, sweepOfRun } from '../../../engine/runs/groups.ts';
import { runNames } from '../../../engine/runs/list.ts';
import type { CommandRun } from '../../shell/context.ts';
import { text } from '../shared/options.ts';
import { writePage } from '../shared/write-page.ts';
import { type ComparedRuns, comparisonOf, comparisonPage, MOST_ON_PAGE } from './comparison.ts';
import { LETTERS, showComparison } from './show-compare.ts';

/** Compares runs, or all runs of a group, the best first. */
export const run: CommandRun = async (queries, options, context) => {
  const { out, places, flags } = context;
  const [query = ''] = queries;
  const named = queries.length === 1 && !runNames(places.runs).includes(query);
  const group = named ? findGroup(query, places.runs) : undefined;
  const shown = group === undefined ? fromNames(queries, places.runs) : comparisonOf(group);
  const compared = compareReports(shown.reports);
  const html = text(options.html);
  if (html !== undefined) {
    const path = absolute(html, { cwd: process.cwd() });
    writePage(path, comparisonPage(shown), '--html FILE');
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

function fromNames(queries: readonly string[], runs: string): ComparedRuns {
  const summaries = [...new Map(queries.map((query) => findRun(query, runs)).map((s) => [s.dir, s])).values()];
  if (summaries.length < 2 || summaries.length > LETTERS.length) {
    const own = summaries[0] === undefined ? undefined : sweepOfRun(summaries[0].dir)?.group;
    throw new UsageError(`compare takes 2 to ${LETTERS.length} different runs; these are ${summaries.length}.`, {
      id: 'command/wrong',
      nextSteps: [
        ...(own === undefined ? [] : [`visiontrain compare ${own}   all runs of its sweep`]),
        'visiontrain ps --older   lists them all',
      ],
    });
  }
  return { group: null, summaries, reports: summaries.map(collectReport), effects: [] };
}
