import { EXIT } from '../../../base/errors.ts';
import { dropEntry, queueEntries } from '../../../engine/queue/entries.ts';
import type { CommandRun } from '../../shell/context.ts';
import { showQueue } from './list.ts';
import { meantEntries } from './meant.ts';

/** Takes runs out of the queue, by name or place. Their folders stay, as `resume` starts them at any time. */
export const run: CommandRun = async (what, _options, context) => {
  const { places, out, flags } = context;
  const entries = queueEntries(places.runs);
  const meant = meantEntries(what, entries, 'remove');
  for (const entry of meant) {
    dropEntry(places.runs, entry);
    if (!flags.json) out.talk(`${entry.run} waits no more.  visiontrain resume ${entry.run}   starts it`);
  }
  showQueue(queueEntries(places.runs), [], context);
  return EXIT.ok;
};
