/** The comparison of a sweep whose runs are over, wherever they were trained. */
import { join } from 'node:path';
import { writeFileAtomic } from '../../../base/files/atomic.ts';
import { statOf } from '../../../base/files/stat.ts';
import { plural } from '../../../base/text.ts';
import { originOf } from '../../../engine/boxes/bring.ts';
import { noticeTargets } from '../../../engine/notices/targets.ts';
import { queueEntries } from '../../../engine/queue/entries.ts';
import { compareReports } from '../../../engine/report/compare.ts';
import { RUN_FILES } from '../../../engine/run-folder/layout.ts';
import { findGroup, type GroupedRun, type RunGroup } from '../../../engine/runs/groups.ts';
import { readProgress, readSweep, type StoredSweep, SWEEP_FILES, sweepFolder } from '../../../engine/search/folder.ts';
import { readNotify } from '../../../engine/settings/read-notify.ts';
import { isOver, jobState } from '../../../engine/slurm/commands.ts';
import { jobName, readJob } from '../../../engine/slurm/record.ts';
import { onTerminal } from '../../../terminal/styled.ts';
import type { Context } from '../../shell/context.ts';
import { type ComparedRuns, comparisonOf, comparisonPage } from '../outcome/comparison.ts';
import { showComparison } from '../outcome/show-compare.ts';
import { writePage } from '../shared/write-page.ts';
import { withSweep } from './step.ts';

/** How far a sweep is. */
export interface SweepEnd {
  /** Path of the comparison; undefined while runs of the sweep go on, wait or are elsewhere. */
  readonly page: string | undefined;
  /** Runs on other machines that are not here yet, or not whole. */
  readonly elsewhere: NonNullable<StoredSweep['members']>;
}

/**
 * Writes the comparison of a sweep whose runs are over, unless the one that is there is newer than all of them. One process
 * does so at a time, so that nobody is told twice.
 */
export async function compareIfOver(group: string, context: Context): Promise<SweepEnd> {
  const { runs } = context.places;
  const sweep = readSweep(runs, group);
  const open = { page: undefined, elsewhere: [] };
  if (sweep === undefined || (sweep.search !== null && readProgress(runs, group)?.over !== true)) return open;
  return withSweep(runs, group, async () => {
    const found = findGroup(group, runs);
    const here = found?.name === group ? found : { name: group, runs: [] };
    const elsewhere = (sweep.members ?? []).filter((member) => !here.runs.some((one) => isWhole(one, member)));
    if (elsewhere.length > 0 || (await isGoingOn(here, context))) return { ...open, elsewhere };
    return { page: await compared(here, context), elsewhere: [] };
  });
}

/** Whether a run came home from that machine, and is over. */
function isWhole({ summary }: GroupedRun, { host, run }: { readonly host: string; readonly run: string }): boolean {
  const origin = originOf(summary.dir);
  return origin?.box === host && origin.run === run && summary.state !== 'live' && summary.state !== 'created';
}

/** Whether a run of a sweep trains, waits in the queue, or has a job of Slurm that is not over. */
async function isGoingOn({ runs }: RunGroup, { places, env }: Context): Promise<boolean> {
  const waiting = new Set(queueEntries(places.runs).map(({ run }) => run));
  for (const { summary } of runs) {
    if (summary.state === 'live' || waiting.has(summary.name)) return true;
    if (summary.state === 'finished' || summary.state === 'failed') continue;
    const job = readJob(summary.dir);
    const state = job === undefined || jobName(job) === ownJob(env) ? undefined : await jobState(jobName(job), env);
    if (state !== undefined && !isOver(state)) return true;
  }
  return false;
}

/** The job of Slurm that this process is part of, whose own run is over. */
const ownJob = (env: NodeJS.ProcessEnv): string | undefined =>
  env.SLURM_ARRAY_TASK_ID === undefined ? env.SLURM_JOB_ID : `${env.SLURM_ARRAY_JOB_ID}_${env.SLURM_ARRAY_TASK_ID}`;

/** The page of the comparison, which is written where it is not there; undefined where there is nothing to compare. */
async function compared(found: RunGroup, context: Context): Promise<string | undefined> {
  const { runs } = context.places;
  const over = { ...found, runs: found.runs.filter(({ summary }) => summary.state !== 'created') };
  if (over.runs.length < 2) return undefined;
  const folder = sweepFolder(runs, found.name);
  const page = join(folder, SWEEP_FILES.page);
  const made = statOf(page)?.mtimeMs;
  const newest = Math.max(...over.runs.map(({ summary }) => statOf(join(summary.dir, RUN_FILES.exit))?.mtimeMs ?? 0));
  if (made !== undefined && made >= newest) return page;
  const shown = comparisonOf(over);
  writeFileAtomic(join(folder, SWEEP_FILES.table), tableOf(shown, context), 0o600);
  writePage(page, comparisonPage(shown), `visiontrain compare ${found.name} --html FILE`);
  if (made === undefined) await tell(over, shown, context);
  return page;
}

/** What `compare` prints, as a text without colours. */
function tableOf(shown: ComparedRuns, context: Context): string {
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

/** Milliseconds for which a person's servers are waited for. */
const TELL_MS = 60_000;

/** Tells the person by the ways of the settings that the sweep is over; words hold the names of runs and losses alone. */
async function tell({ name, runs }: RunGroup, { reports }: ComparedRuns, { env, places, out }: Context): Promise<void> {
  const [best] = compareReports(reports).runs;
  const loss = best?.best?.loss ?? null;
  const lead = best === undefined ? '' : `; the best is ${best.name}${loss === null ? '' : ` at ${loss.toFixed(4)}`}`;
  const text = `the sweep of ${plural(runs.length, 'run')} is over${lead}`;
  const notice = { kind: 'finished', run: name, text, step: 1, steps: 1, loss, t: Date.now() / 1000 } as const;
  try {
    const { settings } = await readNotify(places.config, env);
    const targets = noticeTargets(settings, { env }).filter(({ events }) => events.includes('finished'));
    const signal = AbortSignal.timeout(TELL_MS);
    const told = targets.map(async (target) => {
      const lost = target.problem ?? (await target.send(notice, signal).catch((error: Error) => error.message));
      if (lost !== undefined) out.talk(`! ${target.name} was not told: ${lost}`);
    });
    await Promise.all(told);
  } catch (error) {
    out.talk(`! Nobody was told: ${(error as Error).message}`);
  }
}
