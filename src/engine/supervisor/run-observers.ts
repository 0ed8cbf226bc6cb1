/** Chooses the observers of a run, by the settings of the person and of the run. */

import type { Places } from '../../base/paths.ts';
import type { PythonEnvironment } from '../environment/check.ts';
import { hasHooks, hooksAreAllowed } from '../hooks/consent.ts';
import { unallowedSpaces } from '../logging/consent.ts';
import { readSettingsBesidePlan, type SettingsBesidePlan } from '../run-folder/beside.ts';
import { sweepOfRun } from '../runs/groups.ts';
import type { LiveFolder } from '../runs/live-folder.ts';
import { readNotify } from '../settings/read-notify.ts';
import type { EventRelay } from './event-relay.ts';
import type { Observer } from './observers.ts';
import type { RunObservers } from './supervisor.ts';

export interface ObserversInput {
  readonly places: Places;
  readonly env: NodeJS.ProcessEnv;
  readonly folder: LiveFolder;
  readonly relay: EventRelay;
  /** The Python that trains, once it is ready. */
  readonly environment: Promise<PythonEnvironment>;
}

/** Makes the observers. Modules are loaded only when they are needed, so that starting a run takes no longer. */
export async function runObservers(input: ObserversInput): Promise<RunObservers> {
  const beside = readSettingsBesidePlan(input.folder.dir);
  const notices = await noticesWanted(input);
  const logging = await loggingWanted(input, beside);
  const trackers = await trackersWanted(input, beside);
  const hooks = await hooksWanted(input, beside);
  const searches = await searchWanted(input);
  // Observers end in this order: the last hook may switch the machine off.
  return {
    observers: [...logging, ...trackers, ...searches, ...notices, ...hooks.observers],
    trainerEnv: hooks.trainerEnv,
  };
}

/** The observers for notices. Settings that cannot be read must not prevent training. */
async function noticesWanted({ places, env, folder, relay }: ObserversInput): Promise<readonly Observer[]> {
  const onLost = (text: string) => relay.add({ type: 'note', level: 'warn', text });
  try {
    const { settings } = await readNotify(places.config, env);
    if (!settings.desktop && settings.web.length === 0) return [];
    const { noticeObservers } = await import('./notices-observer.ts');
    return noticeObservers({ settings, env, runDir: folder.dir, onLost });
  } catch (error) {
    onLost(`Nobody is told of this run: ${(error as Error).message}`);
    return [];
  }
}

async function loggingWanted(
  { folder, relay }: ObserversInput,
  beside: SettingsBesidePlan | undefined,
): Promise<readonly Observer[]> {
  const logging = beside?.logging;
  if (logging === undefined || !(logging.tensorboard || logging.prometheus)) return [];
  const { loggingObservers } = await import('./logging-observers.ts');
  const onTrouble = (text: string) => relay.add({ type: 'note', level: 'warn', text });
  return loggingObservers({ logging, dir: folder.dir, onTrouble });
}

async function trackersWanted(
  input: ObserversInput,
  beside: SettingsBesidePlan | undefined,
): Promise<readonly Observer[]> {
  const logging = beside?.logging;
  if (logging === undefined || logging.trackers.length === 0) return [];
  // The commands that start a run ask the person, but a run folder can come from elsewhere.
  const unallowed = unallowedSpaces(logging.trackers, input.places);
  for (const space of unallowed) {
    const text = `Nothing is sent to the Space ${space}: you have not allowed it (visiontrain resume NAME --send-pictures).`;
    input.relay.add({ type: 'note', level: 'warn', text });
  }
  const trackers = logging.trackers.filter(({ space }) => space === null || !unallowed.includes(space));
  const { trackerObservers } = await import('./trackers.ts');
  return trackerObservers({ ...logging, trackers }, input);
}

async function searchWanted(input: ObserversInput): Promise<readonly Observer[]> {
  if (sweepOfRun(input.folder.dir)?.trial === undefined) return [];
  const { searchObservers } = await import('../search/observer.ts');
  return searchObservers(input);
}

/**
 * The hooks of the run. The commands that start a run ask the person; consent is checked here again, since a run
 * folder can come from elsewhere and be started by other means.
 */
async function hooksWanted(
  { places, env, folder, relay }: ObserversInput,
  beside: SettingsBesidePlan | undefined,
): Promise<RunObservers> {
  if (beside === undefined || !hasHooks(beside.hooks)) return { observers: [], trainerEnv: {} };
  if (!hooksAreAllowed(beside.hooks, places)) {
    const text =
      'The hooks of this run are not run: you have not allowed them (visiontrain resume NAME --allow-hooks).';
    relay.add({ type: 'note', level: 'warn', text });
    return { observers: [], trainerEnv: {} };
  }
  const { HooksObserver, waitingEnvironment } = await import('./hooks-observer.ts');
  const observer = new HooksObserver({ hooks: beside.hooks, folder, env, relay });
  return { observers: [observer], trainerEnv: waitingEnvironment(beside.hooks) };
}
