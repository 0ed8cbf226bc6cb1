import { pause } from '../../base/sleep.ts';
import type { RunEvent } from '../events/schema.ts';
import { EventReader, type FollowOptions } from '../events/tail.ts';
import { runCondition } from './summary.ts';

/**
 * Yields events of a run as they come, in batches, until the run is over and everything was read: after its `exit`
 * event, or when no live process could write one. It ends early when the signal aborts.
 */
export async function* followRun(dir: string, options: FollowOptions = {}): AsyncGenerator<readonly RunEvent[]> {
  const { signal, from = 0, intervalMs = 250 } = options;
  const reader = new EventReader(dir, from);
  let last: RunEvent | undefined;
  while (signal?.aborted !== true) {
    // The condition is read before the events, so that no event from before the end is missed.
    const { state, supervised } = runCondition(dir);
    for (let before = -1; reader.offset !== before; ) {
      before = reader.offset;
      const events = reader.read();
      last = events.at(-1) ?? last;
      if (events.length > 0) yield events;
    }
    if (state !== 'live' && (!supervised || last?.type === 'exit')) return;
    await pause(intervalMs, signal);
  }
}
