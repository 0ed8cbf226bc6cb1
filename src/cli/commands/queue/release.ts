import { EXIT } from '../../../base/errors.ts';
import { withQueue } from '../../../engine/queue/advance.ts';
import { holdEntry, queueEntries } from '../../../engine/queue/entries.ts';
import type { CommandRun } from '../../shell/context.ts';
import { showQueue } from './list.ts';
import { meantEntries } from './meant.ts';

/** Releases runs that were held back, or that could not be started. */
export const run: CommandRun = async (what, _options, context) => {
  const { runs } = context.places;
  await withQueue(runs, () => {
    for (const entry of meantEntries(what, queueEntries(runs), 'release')) holdEntry(runs, entry, false);
  });
  showQueue(queueEntries(runs), [], context);
  if (!context.flags.json) context.out.talk('visiontrain queue run   starts what can be started');
  return EXIT.ok;
};
