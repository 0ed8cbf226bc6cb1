import { EXIT, UsageError } from '../../../base/errors.ts';
import { dropEntry, queueEntries } from '../../../engine/queue/entries.ts';
import type { CommandRun } from '../../shell/context.ts';
import { showQueue } from './list.ts';

/** Takes runs out of the queue, by name or place. Their folders stay, as `resume` starts them at any time. */
export const run: CommandRun = async (what, _options, context) => {
  const { places, out, flags } = context;
  const entries = queueEntries(places.runs);
  if (what.length === 0)
    throw new UsageError('Which run?', {
      id: 'queue/which',
      nextSteps: ['visiontrain queue remove NAME', 'visiontrain queue list'],
    });
  // All are looked up before one is removed, since places count from the queue as it was shown.
  const meant = what.map((word) => {
    const entry = entries.find(({ run: name }) => name === word) ?? entries[Number(word) - 1];
    if (entry === undefined)
      throw new UsageError(`${word} does not wait in the queue.`, {
        id: 'queue/which',
        nextSteps: ['visiontrain queue list'],
      });
    return entry;
  });
  for (const entry of meant) {
    dropEntry(places.runs, entry);
    if (!flags.json) out.talk(`${entry.run} waits no more.  visiontrain resume ${entry.run}   starts it`);
  }
  showQueue(queueEntries(places.runs), [], context);
  return EXIT.ok;
};
