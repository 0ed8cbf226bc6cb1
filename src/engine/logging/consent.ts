/**
 * Decides which Spaces of Hugging Face may get the data of a run. A run.yaml may come from anybody, and the Space that
 * it names would get the values and samples of the run, and, from the tracker's package, the token of the person's hub
 * login.
 */
import { join } from 'node:path';
import { UsageError } from '../../base/errors.ts';
import { keep, readKept } from '../../base/files/kept-list.ts';
import type { Places } from '../../base/paths.ts';
import type { TrackerSpec } from '../../spec/sections/logging.ts';

const file = (places: Places) => join(places.state, 'tracker-spaces.json');

/** Spaces to which the trackers would send data, and that this person has not allowed. */
export function unallowedSpaces(trackers: readonly TrackerSpec[], places: Places): readonly string[] {
  const wanted = trackers.flatMap(({ to, mode, space }) =>
    to === 'trackio' && mode === 'online' && space !== null ? [space] : [],
  );
  if (wanted.length === 0) return [];
  const allowed = readKept(file(places));
  return [...new Set(wanted)].filter((space) => !allowed.includes(space));
}

/**
 * Must be called before a run is made. A Space that was allowed once stays allowed.
 * @param allows whether the person allows the Spaces now
 * @throws UsageError when the person has not allowed one, and does not do so now
 */
export function settleSpaces(trackers: readonly TrackerSpec[], places: Places, allows: boolean): void {
  const [first, ...others] = unallowedSpaces(trackers, places);
  if (first === undefined) return;
  if (!allows)
    throw new UsageError(
      `Values and samples of the run would be sent to the Space ${first}, as logging.trackers says.`,
      {
        id: 'logging/space',
        details: ['Whoever owns that Space sees them, and may get the token of your login at Hugging Face.'],
        nextSteps: [
          'If the Space is yours, start the run again with --send-pictures; it is asked once for each Space.',
          "Or keep the tracker's values on this machine: take space out of logging.trackers.",
        ],
      },
    );
  for (const space of [first, ...others]) keep(file(places), space);
}
