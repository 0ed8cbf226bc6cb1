/** Announces events of a watched run at a person's terminal: bell, notification, progress, title. */
import { percent } from '../../../base/text.ts';
import { reduceAll } from '../../../engine/events/reducer.ts';
import { initialState, type RunState } from '../../../engine/events/run-state.ts';
import type { RunEvent } from '../../../engine/events/schema.ts';
import { noticeSource } from '../../../engine/notices/compose.ts';
import { readNotify } from '../../../engine/settings/read-notify.ts';
import { announcerHere } from '../../../terminal/announce.ts';
import type { Context } from '../../shell/context.ts';

/** Seconds by which the clocks of two machines with a shared run folder may differ. */
const CLOCK_OFF = 5;

type Batches = AsyncIterable<readonly RunEvent[]>;

/** Passes every batch on after announcing it. Events from before the watching began are not announced. */
export async function announced(
  { env, places, flags }: Context,
  onScreen: boolean,
): Promise<(batches: Batches) => Batches> {
  if (flags.json) return (batches) => batches;
  // A settings file that cannot be read was already reported when the command began.
  const { settings } = await readNotify(places.config, env).catch(() => ({ settings: undefined }));
  const announcer = settings && announcerHere({ onScreen }, settings, env);
  if (settings === undefined || announcer === undefined) return (batches) => batches;
  const source = noticeSource();
  const began = Date.now() / 1000 - CLOCK_OFF;
  let state: RunState = initialState;
  return async function* (batches) {
    try {
      for await (const batch of batches) {
        state = reduceAll(state, batch);
        for (const { kind, run, text, t } of source.take(batch))
          if (t >= began && settings.events.includes(kind)) announcer.notice(`visiontrain: ${run}`, text);
        if (onScreen) announcer.progress(...shown(state));
        yield batch;
      }
    } finally {
      announcer.clear();
    }
  };
}

/** Share for the taskbar, and the title, whose beginning changes. */
function shown({ name, step, steps, exit, phases, latest }: RunState): [number | 'failed' | undefined, string] {
  if (exit?.status === 'failed') return ['failed', `failed - ${name}`];
  if (latest === undefined) return [undefined, `${phases.at(-1)?.phase ?? 'starting'} - ${name}`];
  return [steps > 0 ? step / steps : undefined, `${percent(step, steps)} - ${name}`];
}
