/** Advances a search by one run: the result of the last run is stored, and the next run is made and queued. */
import { join } from 'node:path';
import { ConfigError, UsageError, VisiontrainError } from '../../../base/errors.ts';
import { claim, whileClaimed, withClaim } from '../../../base/process/claim.ts';
import { ensureEnvironment } from '../../../engine/environment/ensure.ts';
import { EXTRAS, ensureExtra } from '../../../engine/environment/extras.ts';
import { canonicalCard, enqueue, plannedCard, queueEntries } from '../../../engine/queue/entries.ts';
import { runCondition } from '../../../engine/runs/summary.ts';
import {
  keepProgress,
  readProgress,
  readSweep,
  type SearchSettings,
  type SearchTrial,
  type StoredSweep,
  SWEEP_FILES,
  sweepFolder,
} from '../../../engine/search/folder.ts';
import { nextTrials, type Study, type TrialResult } from '../../../engine/search/study.ts';
import type { Context } from '../../shell/context.ts';
import { setupProgress } from '../shared/setup-progress.ts';
import { stepProgress } from '../shared/steps/step-progress.ts';
import { stopSignals } from '../shared/steps/stop-signals.ts';
import { makeTrial, outcomeOf, runOfTrial, whyNot } from './trial.ts';

/** Number of runs in a row with invalid combinations of settings, after which a person must decide. */
const MOST_UNFIT = 3;
/** Milliseconds between two tries to take a lock. */
const LOCK_MS = 200;

export interface StepOptions {
  /** Whether a person called this. Then a stopped run is resumed, and another process is not waited for. */
  readonly byPerson: boolean;
  /** Whether the error that prevents the next run is thrown, as it is for the first run. */
  readonly throws?: boolean;
}

/**
 * Advances the search.
 * @throws EnvironmentError when Optuna does not work
 */
export async function stepSearch(group: string, options: StepOptions, context: Context): Promise<void> {
  const { runs } = context.places;
  const sweep = readSweep(runs, group);
  const search = sweep?.search ?? undefined;
  if (sweep === undefined || search === undefined || readProgress(runs, group)?.over === true) return;
  const advance = async () => {
    if (readProgress(runs, group)?.over === true) return;
    const study = { folder: sweepFolder(runs, group), search, python: await studyPython(context) };
    await new SearchStep({ group, sweep, search, study }, options, context).go();
  };
  if (!options.byPerson) return withSweep(runs, group, advance);
  const taken = claim(lockOf(runs, group));
  if ('claim' in taken) await whileClaimed(taken.claim, advance, (held) => held.release());
}

const lockOf = (runs: string, group: string): string => join(sweepFolder(runs, group), SWEEP_FILES.lock);

/** Does something while nobody else changes a sweep, for which it waits. */
export const withSweep = <T>(runs: string, group: string, job: () => Promise<T>): Promise<T> =>
  withClaim(lockOf(runs, group), { everyMs: LOCK_MS }, job);

/** The Python with Optuna, which is installed now if it is missing. */
export async function studyPython(context: Context): Promise<Study['python']> {
  const { env, places } = context;
  const stop = stopSignals();
  const steps = stepProgress(context);
  const setup = setupProgress(context);
  try {
    const { signal } = stop;
    const environment = await ensureEnvironment({ places, env }, 'cpu', { ...steps.tools, signal });
    const extra = await ensureExtra(EXTRAS.optuna, { places, env, environment, signal, onProgress: setup.show });
    return { python: environment.python, env, extras: extra === null ? [] : [extra] };
  } finally {
    setup.end();
    steps.end();
    stop.off();
  }
}

interface Stepped {
  readonly group: string;
  readonly sweep: StoredSweep;
  readonly search: SearchSettings;
  readonly study: Study;
}

class SearchStep {
  readonly #what: Stepped;
  readonly #options: StepOptions;
  readonly #context: Context;
  #trials: readonly SearchTrial[];

  constructor(what: Stepped, options: StepOptions, context: Context) {
    this.#what = what;
    this.#options = options;
    this.#context = context;
    this.#trials = readProgress(context.places.runs, what.group)?.trials ?? [];
  }

  /** Advances the search. An error is stored with it, since nobody may be watching. */
  async go(): Promise<void> {
    try {
      await this.#step();
    } catch (error) {
      if (error instanceof VisiontrainError) this.#keep({ over: false, problem: whyNot(error) });
      throw error;
    }
  }

  async #step(): Promise<void> {
    let results = await this.#outcomes();
    for (let unfit = 0; ; ) {
      this.#trials = await nextTrials(this.#what.study, results);
      const open = this.#trials.filter(({ state }) => state === 'open');
      if (open.length === 0) return this.#keep({ over: true, problem: null });
      results = await this.#outcomes();
      if (results.length > 0) continue;
      let problem: string | null = null;
      for (const trial of open) {
        const wrong = await this.#start(trial, open);
        if (wrong === undefined) continue;
        problem = typeof wrong === 'string' ? wrong : whyNot(wrong);
        if (typeof wrong !== 'string') results = [...results, { trial: trial.number, state: 'failed' }];
      }
      unfit += results.length;
      if (results.length === 0 || unfit >= MOST_UNFIT) return this.#keep({ over: false, problem });
    }
  }

  /** The results of the runs of open trials. */
  async #outcomes(): Promise<readonly TrialResult[]> {
    const { group, search } = this.#what;
    const results: TrialResult[] = [];
    for (const { number: trial } of this.#trials.filter(({ state }) => state === 'open')) {
      const run = runOfTrial(this.#context.places.runs, group, trial);
      const outcome = run === undefined ? undefined : await outcomeOf({ search, trial, run }, this.#context);
      if (outcome !== undefined) results.push(outcome);
    }
    return results;
  }

  /**
   * Puts the run of a trial into the queue. Undefined when that worked; a sentence when a person must act; an error
   * for settings that do not go together.
   */
  async #start(trial: SearchTrial, open: readonly SearchTrial[]): Promise<string | VisiontrainError | undefined> {
    const { runs } = this.#context.places;
    const { group, search } = this.#what;
    const before = runOfTrial(runs, group, trial.number);
    try {
      const run = before ?? (await makeTrial(this.#what, trial, this.#freeDevice(open), this.#context));
      const { state } = runCondition(run.dir);
      if (state === 'live' || queueEntries(runs).some((entry) => entry.run === run.name)) return undefined;
      if (state === 'stopped' && !this.#options.byPerson)
        return `${run.name} is stopped; visiontrain queue run goes on with it`;
      enqueue(runs, run.name, search.after);
      return undefined;
    } catch (error) {
      if (!(error instanceof VisiontrainError) || this.#options.throws === true) throw error;
      return error instanceof ConfigError || error instanceof UsageError ? error : whyNot(error);
    }
  }

  /** The first device of the search that no open run of it was planned for; undefined where run.yaml says it. */
  #freeDevice(open: readonly SearchTrial[]): string | undefined {
    const { runs } = this.#context.places;
    const { group, search } = this.#what;
    const made = open.flatMap(({ number }) => runOfTrial(runs, group, number) ?? []);
    const taken = new Set(made.map(({ dir }) => plannedCard(dir)));
    return search.devices?.find((device) => !taken.has(canonicalCard(device)));
  }

  #keep(state: { readonly over: boolean; readonly problem: string | null }): void {
    const { runs } = this.#context.places;
    const isEnded = readProgress(runs, this.#what.group)?.over === true;
    keepProgress(runs, this.#what.group, { trials: [...this.#trials], ...state, over: state.over || isEnded });
  }
}
