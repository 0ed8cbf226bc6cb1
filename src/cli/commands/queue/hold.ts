import { EXIT } from '../../../base/errors.ts';
import { withQueue } from '../../../engine/queue/advance.ts';
import { holdEntry, queueEntries } from '../../../engine/queue/entries.ts';
import type { CommandRun } from '../../shell/context.ts';
import { showQueue } from './list.ts';
import { meantEntries } from './meant.ts';

/** Holds runs back: they keep their places, but later ones are started before them. */
export const run: CommandRun = async (what, _options, context) => {
  const { runs } = context.places;
  await withQueue(runs, () => {
    for (const entry of meantEntries(what, queueEntries(runs), 'hold')) holdEntry(runs, entry, true);
  });
  showQueue(queueEntries(runs), [], context);
  return EXIT.ok;
};
