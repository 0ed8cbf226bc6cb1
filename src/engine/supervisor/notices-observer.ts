/** Notifies the person about a run by web hooks and on the desktop, as that person's settings say. */
import { createNotifier } from '../notices/notifier.ts';
import { noticeTargets } from '../notices/targets.ts';
import type { NotifySettings } from '../settings/notify.ts';
import type { Observer } from './observers.ts';

/** Milliseconds for the last notices after the end of the run. Each is tried three times, for ten seconds each. */
const LAST_MS = 90_000;

export interface NoticesInput {
  readonly settings: NotifySettings;
  readonly env: NodeJS.ProcessEnv;
  readonly runDir: string;
  /** Called with a sentence about each target that could not be reached. */
  readonly onLost: (sentence: string) => void;
}

/** The observers that send notices: none when the person wants notices in the terminal only. */
export function noticeObservers({ settings, env, runDir, onLost }: NoticesInput): Observer[] {
  const targets = noticeTargets(settings, { env, runDir });
  if (targets.length === 0) return [];
  const notifier = createNotifier({ targets, onLost });
  return [{ take: notifier.take, close: () => notifier.close(LAST_MS) }];
}
