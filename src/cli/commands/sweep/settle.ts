/** The work between the runs of sweeps: searches get their next run, and finished sweeps are compared. */
import { join } from 'node:path';
import { VisiontrainError } from '../../../base/errors.ts';
import { writeFileAtomic } from '../../../base/files/atomic.ts';
import { statOf } from '../../../base/files/stat.ts';
import { neutralise, plural } from '../../../base/text.ts';
import { noticeTargets } from '../../../engine/notices/targets.ts';
import { queueEntries } from '../../../engine/queue/entries.ts';
import { compareReports } from '../../../engine/report/compare.ts';
import { RUN_FILES } from '../../../engine/run-folder/layout.ts';
import { findGroup, type RunGroup } from '../../../engine/runs/groups.ts';
import { readProgress, readSweep, SWEEP_FILES, sweepFolder, sweepNames } from '../../../engine/search/folder.ts';
import { readNotify } from '../../../engine/settings/read-notify.ts';
import { onTerminal } from '../../../terminal/styled.ts';
import type { Context } from '../../shell/context.ts';
import { comparisonOf, comparisonPage, type Shown } from '../outcome/comparison.ts';
import { showComparison } from '../outcome/show-compare.ts';
import { writePage } from '../shared/write-page.ts';
import { stepSearch } from './step.ts';

/** Does the work for all sweeps in this folder of runs. A sweep with an error does not hold up the others. */
export async function settleSweeps(byPerson: boolean, context: Context): Promise<void> {
  const { runs } = context.places;
  for (const group of sweepNames(runs)) {
    try {
      await stepSearch(group, { byPerson }, context);
      await compareIfOver(group, context);
    } catch (error) {
      if (!(error instanceof VisiontrainError)) throw error;
      context.out.wrapped(neutralise(`! ${group}: ${error.message}`));
    }
  }
}

/** Writes the comparison of a sweep whose runs are over, unless the existing one is newer than all of them. */
async function compareIfOver(group: string, context: Context): Promise<void> {
  const { runs } = context.places;
  const sweep = readSweep(runs, group);
  if (sweep === undefined || (sweep.search !== null && readProgress(runs, group)?.over !== true)) return;
  const found = findGroup(group, runs);
  if (found === undefined || found.name !== group) return;
  const waiting = new Set(queueEntries(runs).map(({ run }) => run));
  if (found.runs.some(({ summary }) => summary.state === 'live' || waiting.has(summary.name))) return;
  const over = { ...found, runs: found.runs.filter(({ summary }) => summary.state !== 'created') };
  if (over.runs.length < 2) return;
  const folder = sweepFolder(runs, group);
  const page = join(folder, SWEEP_FILES.page);
  const made = statOf(page)?.mtimeMs;
  const newest = Math.max(...over.runs.map(({ summary }) => statOf(join(summary.dir, RUN_FILES.exit))?.mtimeMs ?? 0));
  if (made !== undefined && made >= newest) return;
  const shown = comparisonOf(over);
  writeFileAtomic(join(folder, SWEEP_FILES.table), tableOf(shown, context), 0o600);
  writePage(page, comparisonPage(shown), `visiontrain compare ${group} --html FILE`);
  if (made === undefined) await tell(over, shown, context);
}

/** The output of `compare`, as a text without colours. */
function tableOf(shown: Shown, context: Context): string {
  const lines: string[] = [];
  const out = {
    ...context.out,
    width: 100,
    data: (line: Parameters<typeof context.out.data>[0]) => void lines.push(onTerminal(line, { unicode: true })),
  };
  const compared = compareReports(shown.reports);
  showComparison({ ...shown, compared }, { ...context, out, flags: { ...context.flags, plain: true } });
  return `${lines.join('\n')}\n`;
}

/** Milliseconds to wait for the person's notification servers. */
const TELL_MS = 60_000;

/**
 * Notifies the person, as the settings say, that the sweep is over. The text contains only names of runs and losses.
 */
async function tell({ name, runs }: RunGroup, { reports }: Shown, { env, places, out }: Context): Promise<void> {
  const [best] = compareReports(reports).runs;
  const loss = best?.best?.loss ?? null;
  const lead = best === undefined ? '' : `; the best is ${best.name}${loss === null ? '' : ` at ${loss.toFixed(4)}`}`;
  const text = `the sweep of ${plural(runs.length, 'run')} is over${lead}`;
  const notice = { kind: 'finished', run: name, text, step: 1, steps: 1, loss, t: Date.now() / 1000 } as const;
  try {
    const { settings } = await readNotify(places.config, env);
    const targets = noticeTargets(settings, { env }).filter(({ events }) => events.includes('finished'));
    const signal = AbortSignal.timeout(TELL_MS);
    const sent = targets.map(async (target) => {
      const lost = target.problem ?? (await target.send(notice, signal).catch((error: Error) => error.message));
      if (lost !== undefined) out.talk(`! ${target.name} was not told: ${lost}`);
    });
    await Promise.all(sent);
  } catch (error) {
    out.talk(`! Nobody was told: ${(error as Error).message}`);
  }
}
