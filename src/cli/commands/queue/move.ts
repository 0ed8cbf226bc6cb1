import { EXIT, UsageError } from '../../../base/errors.ts';
import { withQueue } from '../../../engine/queue/advance.ts';
import { orderEntries, queueEntries } from '../../../engine/queue/entries.ts';
import type { CommandRun } from '../../shell/context.ts';
import { showQueue } from './list.ts';
import { meantEntries } from './meant.ts';

/** Moves runs to a place in the queue: `queue move NAME… PLACE`. */
export const run: CommandRun = async (words, _options, context) => {
  const { runs } = context.places;
  const place = Number(words.at(-1));
  if (words.length < 2 || !(Number.isSafeInteger(place) && place > 0))
    throw new UsageError('Which run, and to which place?', {
      id: 'queue/which',
      nextSteps: ['visiontrain queue move NAME 1   is started next', 'visiontrain queue list'],
    });
  await withQueue(runs, () => {
    const entries = queueEntries(runs);
    const moved = meantEntries(words.slice(0, -1), entries, 'move');
    const rest = entries.filter((entry) => !moved.includes(entry));
    orderEntries(runs, [...rest.slice(0, place - 1), ...moved, ...rest.slice(place - 1)]);
  });
  showQueue(queueEntries(runs), [], context);
  return EXIT.ok;
};
