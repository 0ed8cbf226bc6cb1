/** The runs of a search: one is made for each trial, and found again by its env.json. */
import { join } from 'node:path';
import type { VisiontrainError } from '../../../base/errors.ts';
import { readJudgement } from '../../../engine/judge/judgement.ts';
import type { Judgement } from '../../../engine/judge/schema.ts';
import { loadSpec } from '../../../engine/prepare/load.ts';
import { startsOf } from '../../../engine/queue/entries.ts';
import { namedRuns } from '../../../engine/queue/sweep.ts';
import type { RunRef } from '../../../engine/runs/create.ts';
import { sweepOfRun } from '../../../engine/runs/groups.ts';
import { inspectRun } from '../../../engine/runs/inspect.ts';
import { runNames } from '../../../engine/runs/list.ts';
import { runCondition } from '../../../engine/runs/summary.ts';
import type { SearchSettings, SearchTrial, StoredSweep } from '../../../engine/search/folder.ts';
import { bestInEvents, searchMeasure, valuesInEvents } from '../../../engine/search/measure.ts';
import type { TrialResult } from '../../../engine/search/study.ts';
import { loadRegistry } from '../../../registry/catalogue/load.ts';
import type { Context } from '../../shell/context.ts';
import { judgeFlags } from '../judge/asked.ts';
import { judge } from '../judge/work.ts';
import { makeRun } from '../shared/start-run.ts';

/** Number of starts after which a run that always dies is given up. */
const MOST_STARTS = 3;

/**
 * The checked settings of one run of a search.
 * @throws ConfigError when they do not go together
 */
export function trialSpec(
  { file, text, sets }: SearchSettings,
  { values, device }: { readonly values: SearchTrial['values']; readonly device?: string | undefined },
  { places }: Context,
) {
  const [named] = namedRuns([values]);
  const registry = loadRegistry({ configDir: places.config });
  const there = device === undefined ? [] : [`resources.device=${device}`];
  const overrides = [...sets, ...there, ...(named?.overrides ?? [])];
  return { loaded: loadSpec(file, { overrides, registry, kept: text }), registry, suffix: named?.suffix ?? '' };
}

/**
 * Makes the run of a trial.
 * @throws VisiontrainError when it cannot be made
 */
export async function makeTrial(
  { group, sweep, search }: { readonly group: string; readonly sweep: StoredSweep; readonly search: SearchSettings },
  { number, values }: SearchTrial,
  device: string | undefined,
  context: Context,
): Promise<RunRef> {
  const { loaded, registry, suffix } = trialSpec(search, { values, device }, context);
  const { run } = await makeRun(
    { ...loaded, registry },
    {
      name: `${sweep.name}-${number + 1}-${suffix}`.slice(0, 100),
      ...search.consents,
      facts: { sweep: { group, values, trial: number } },
    },
    context,
  );
  return run;
}

/** The run that was made for a trial; undefined when none was. */
export function runOfTrial(runs: string, group: string, trial: number): RunRef | undefined {
  const name = runNames(runs).find((one) => {
    const of = sweepOfRun(join(runs, one));
    return of?.group === group && of.trial === trial;
  });
  return name === undefined ? undefined : { name, dir: join(runs, name) };
}

/** The result of the run of a trial; undefined while it may still change. */
export async function outcomeOf(
  { search, trial, run }: { readonly search: SearchSettings; readonly trial: number; readonly run: RunRef },
  context: Context,
): Promise<TrialResult | undefined> {
  const { state } = runCondition(run.dir);
  if (state === 'failed' || (state === 'died' && startsOf(run.dir) >= MOST_STARTS)) return { trial, state: 'failed' };
  if (state !== 'finished') return undefined;
  const value = await measured(run, search, context);
  if (value === undefined) return { trial, state: 'failed' };
  // A short run, or one whose supervisor was killed, may have reported no values while it ran, so all are sent now.
  const steps = search.prunes ? { steps: [...valuesInEvents(run.dir, searchMeasure(search.measure))] } : {};
  return { trial, state: 'complete', value, ...steps };
}

async function measured({ dir }: RunRef, search: SearchSettings, context: Context): Promise<number | undefined> {
  const measure = searchMeasure(search.measure);
  if (measure.kind !== 'judged') return bestInEvents(dir, measure);
  const summary = inspectRun(dir);
  if (summary === undefined) return undefined;
  const known = readJudgement(dir);
  const wishes = judgeFlags(measure.name === 'fit' ? { fit: 'clip-vit-large-patch14' } : {});
  const judgement = known?.status === 'done' ? known : await judge(summary, wishes, context);
  return bestJudged(judgement, measure.name);
}

/** The best value of all checkpoints; the base model (step 0) does not count. */
function bestJudged({ rows }: Judgement, name: 'likeness' | 'fit' | 'bleeding' | 'diversity'): number | undefined {
  const values = rows.filter(({ step }) => step > 0).flatMap((row) => row[name]?.value ?? []);
  if (values.length === 0) return undefined;
  return name === 'bleeding' ? Math.min(...values) : Math.max(...values);
}

/** Why a trial has no run, in one line. */
export const whyNot = ({ message, details }: VisiontrainError): string => [message, ...details].join(' ').slice(0, 400);
