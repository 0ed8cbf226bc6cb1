/** Finds the entries of the queue that a person names, by name or by place. */
import { UsageError } from '../../../base/errors.ts';
import type { QueueEntry } from '../../../engine/queue/entries.ts';

/**
 * The named entries. All are looked up before any is changed, since places refer to the queue as it was shown.
 * @throws UsageError when none is named, or one is not in the queue
 */
export function meantEntries(what: readonly string[], entries: readonly QueueEntry[], action: string): QueueEntry[] {
  if (what.length === 0)
    throw new UsageError('Which run?', {
      id: 'queue/which',
      nextSteps: [`visiontrain queue ${action} NAME`, 'visiontrain queue list'],
    });
  return what.map((word) => {
    const entry = entries.find(({ run: name }) => name === word) ?? entries[Number(word) - 1];
    if (entry === undefined)
      throw new UsageError(`${word} does not wait in the queue.`, {
        id: 'queue/which',
        nextSteps: ['visiontrain queue list'],
      });
    return entry;
  });
}
