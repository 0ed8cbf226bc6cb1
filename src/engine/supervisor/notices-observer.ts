/** Tells the person of a run by web hooks and on the desktop, as that person's settings say. */
import { createNotifier } from '../notices/notifier.ts';
import { noticeTargets } from '../notices/targets.ts';
import type { NotifySettings } from '../settings/notify.ts';
import type { Observer } from './observers.ts';

/** Milliseconds that the last notices get after the run is over. Each has three tries of ten seconds. */
const LAST_MS = 90_000;

export interface NoticesInput {
  readonly settings: NotifySettings;
  readonly env: NodeJS.ProcessEnv;
  readonly runDir: string;
  /** Called with a sentence about each target that could not be told. */
  readonly onLost: (sentence: string) => void;
}

/** The observers that tell: none where the person wants to be told in the terminal only. */
export function noticeObservers({ settings, env, runDir, onLost }: NoticesInput): Observer[] {
  const targets = noticeTargets(settings, { env, runDir });
  if (targets.length === 0) return [];
  const notifier = createNotifier({ targets, onLost });
  return [{ take: notifier.take, close: () => notifier.close(LAST_MS) }];
}
