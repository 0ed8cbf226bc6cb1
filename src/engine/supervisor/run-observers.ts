/** Puts together who looks on at a run, from the settings of the person and of the run. */
import type { Places } from '../../base/paths.ts';
import type { LiveFolder } from '../runs/live-folder.ts';
import { readNotify } from '../settings/read-notify.ts';
import type { Observer } from './observers.ts';

export interface ObserversInput {
  readonly places: Places;
  readonly env: NodeJS.ProcessEnv;
  readonly folder: LiveFolder;
  readonly onLost: (sentence: string) => void;
}

/** Modules are loaded only for what is wanted, so that the start of a run takes no longer. */
export async function runObservers({ places, env, folder, onLost }: ObserversInput): Promise<readonly Observer[]> {
  return noticesWanted(places, env, folder, onLost);
}

/** Settings that cannot be read are no reason not to train. */
async function noticesWanted(
  places: Places,
  env: NodeJS.ProcessEnv,
  folder: LiveFolder,
  onLost: ObserversInput['onLost'],
): Promise<readonly Observer[]> {
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
