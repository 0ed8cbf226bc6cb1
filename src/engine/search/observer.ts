/** Reports the progress of a run to its search, and stops a run that is worse than half of the earlier ones. */
import { dirname } from 'node:path';
import type { Places } from '../../base/paths.ts';
import type { PythonEnvironment } from '../environment/check.ts';
import { EXTRAS, ensureExtra } from '../environment/extras.ts';
import type { RunEvent } from '../events/schema.ts';
import { makeRequest } from '../run-folder/requests.ts';
import { sweepOfRun } from '../runs/groups.ts';
import type { LiveFolder } from '../runs/live-folder.ts';
import { readSweep, type SearchSettings, sweepFolder } from './folder.ts';
import { searchMeasure, valueOn } from './measure.ts';
import { isHopeless, type Study } from './study.ts';

interface SearchObserverInput {
  readonly places: Places;
  readonly env: NodeJS.ProcessEnv;
  readonly folder: Pick<LiveFolder, 'dir' | 'path'>;
  /** Takes notes for the run's events. */
  readonly relay: { add(line: { type: 'note'; level: 'info' | 'warn'; text: string }): void };
  readonly environment: Promise<PythonEnvironment>;
}

/** The observer of a run whose search ends runs early; none for any other run. */
export function searchObservers(input: SearchObserverInput): SearchObserver[] {
  const { dir } = input.folder;
  const of = sweepOfRun(dir);
  // The folder itself is known by a handle, which has no folder around it.
  const runs = dirname(input.folder.path());
  const search = of?.trial === undefined ? undefined : readSweep(runs, of.group)?.search;
  if (of?.trial === undefined || search === undefined || search === null || !search.prunes) return [];
  return [new SearchObserver({ ...input, search, trial: of.trial, study: sweepFolder(runs, of.group) })];
}

interface Watched extends SearchObserverInput {
  readonly search: SearchSettings;
  readonly trial: number;
  readonly study: string;
}

/** Milliseconds for the last call when the run is over. */
const LAST_MS = 30_000;

class SearchObserver {
  readonly #input: Watched;
  #work: Promise<void> = Promise.resolve();
  #isOver = false;

  constructor(input: Watched) {
    this.#input = input;
  }

  take(events: readonly RunEvent[], isNew: boolean): void {
    if (!isNew) return;
    const measure = searchMeasure(this.#input.search.measure);
    for (const event of events) {
      if (event.type === 'exit') this.#isOver = true;
      const value = valueOn(event, measure);
      const { step } = event as { step?: number };
      if (value !== undefined && step !== undefined) this.#work = this.#work.then(() => this.#report(step, value));
    }
  }

  async #report(step: number, value: number): Promise<void> {
    const { folder, relay, trial } = this.#input;
    if (this.#isOver) return;
    try {
      if (!(await isHopeless(await this.#study(), trial, step, value)) || this.#isOver) return;
      this.#isOver = true;
      const text = `Stopped early by the search: at step ${step} half of the runs before had a lower validation loss.`;
      relay.add({ type: 'note', level: 'info', text });
      makeRequest(folder.dir, 'stop');
    } catch (error) {
      this.#isOver = true;
      relay.add({
        type: 'note',
        level: 'warn',
        text: `The search is not told on the way: ${(error as Error).message}`,
      });
    }
  }

  async #study(): Promise<Study> {
    const { places, env, environment, study: folder, search } = this.#input;
    const ready = await environment;
    const { signal } = new AbortController();
    const extra = await ensureExtra(EXTRAS.optuna, {
      ...{ places, env, environment: ready, signal },
      onProgress: () => undefined,
    });
    return { folder, search, python: { python: ready.python, env, extras: extra === null ? [] : [extra] } };
  }

  async close(): Promise<void> {
    this.#isOver = true;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, LAST_MS);
    });
    await Promise.race([this.#work, late]);
    clearTimeout(timer);
  }
}
