/** Calls Optuna, in a program of its own: which settings the next run gets, and whether a run is worth its time. */
import { join } from 'node:path';
import { packageRoot } from '../../base/package-root.ts';
import { askPython } from '../environment/programs/ask-python.ts';
import { ourPython } from '../environment/variables.ts';
import { type SearchSettings, type SearchTrial, SWEEP_FILES } from './folder.ts';
import { higherIsBetter, searchMeasure } from './measure.ts';

/** The Python in which Optuna is installed. */
export interface StudyPython {
  readonly python: string;
  readonly env: NodeJS.ProcessEnv;
  /** Folders with further packages. */
  readonly extras: readonly string[];
}

export interface Study {
  /** Folder of the sweep. */
  readonly folder: string;
  readonly search: SearchSettings;
  readonly python: StudyPython;
}

/** The result of a trial. */
export interface TrialResult {
  readonly trial: number;
  readonly state: 'complete' | 'failed';
  readonly value?: number;
  /** Values during the run, as [step, value], with which later runs are compared to end hopeless ones early. */
  readonly steps?: readonly (readonly [number, number])[];
}

/** Number of runs with random settings, before Optuna has enough results. */
const startup = (count: number): number => Math.min(10, Math.max(3, Math.floor(count / 3)));

/** Number of runs of a search that may be open at once. */
export const openAtOnce = ({ devices }: SearchSettings): number => devices?.length ?? 1;

/** Stores the results, and returns all trials: `openAtOnce` of them are open, unless the count is reached. */
export async function nextTrials(study: Study, results: readonly TrialResult[]): Promise<readonly SearchTrial[]> {
  const { axes, count } = study.search;
  const question = { action: 'next', axes, count, results, open: openAtOnce(study.search) };
  return (await ask<{ trials: SearchTrial[] }>(study, question)).trials;
}

/** Reports an intermediate value. Returns whether the run is worse than half of the earlier ones were at this step. */
export async function isHopeless(study: Study, trial: number, step: number, value: number): Promise<boolean> {
  return (await ask<{ prune: boolean }>(study, { action: 'report', trial, step, value })).prune;
}

function ask<T extends object>({ folder, search, python }: Study, question: object): Promise<T> {
  const { python: program, env, extras } = python;
  const higher = higherIsBetter(searchMeasure(search.measure));
  const common = {
    storage: join(folder, SWEEP_FILES.study),
    seed: search.seed,
    startup: startup(search.count),
    higher,
  };
  return askPython<T>({
    python: program,
    env: ourPython({ env, packageRoot: packageRoot(), threads: 1, extras }),
    module: 'visiontrain_trainer.searching',
    argv: [],
    input: JSON.stringify({ ...common, ...question }),
    task: 'ask Optuna for settings',
    refused: 'queue/search',
  });
}
