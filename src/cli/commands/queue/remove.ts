import { join } from 'node:path';
import { EXIT } from '../../../base/errors.ts';
import { dropEntry, queueEntries } from '../../../engine/queue/entries.ts';
import { sweepOfRun } from '../../../engine/runs/groups.ts';
import { isSweepName, keepProgress, readProgress, readSweep } from '../../../engine/search/folder.ts';
import type { CommandRun } from '../../shell/context.ts';
import { showQueue } from './list.ts';
import { meantEntries } from './meant.ts';

/**
 * Removes runs from the queue, by name or place, and ends searches, by the name of their sweep. Folders of runs stay,
 * since `resume` can start them at any time.
 */
export const run: CommandRun = async (what, _options, context) => {
  const { places, out, flags } = context;
  const searches = what.filter((word) => isGoingOn(places.runs, word));
  const entries = queueEntries(places.runs);
  const named = what.filter((word) => !searches.includes(word));
  const theirs = entries.filter(({ run: name }) => {
    const group = sweepOfRun(join(places.runs, name))?.group;
    return group !== undefined && searches.includes(group);
  });
  const meant = named.length === 0 && searches.length > 0 ? [] : meantEntries(named, entries, 'remove');
  for (const group of searches) {
    keepProgress(places.runs, group, {
      trials: [],
      ...readProgress(places.runs, group),
      ...{ over: true, problem: null },
    });
    if (!flags.json) out.talk(`The search ${group} is ended; its runs stay.`);
  }
  for (const entry of theirs) dropEntry(places.runs, entry);
  for (const entry of meant) {
    dropEntry(places.runs, entry);
    if (!flags.json) out.talk(`${entry.run} waits no more.  visiontrain resume ${entry.run}   starts it`);
  }
  showQueue(queueEntries(places.runs), [], context);
  return EXIT.ok;
};

/** Whether a word is the name of a search that is not over. */
function isGoingOn(runs: string, word: string): boolean {
  if (!isSweepName(word)) return false;
  const search = readSweep(runs, word)?.search ?? undefined;
  return search !== undefined && readProgress(runs, word)?.over !== true;
}
