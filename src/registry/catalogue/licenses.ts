/**
 * Remembers the licences that the person has accepted. Each is kept with its name, so that the person is asked again
 * when the licence of a model changes.
 */
import { join } from 'node:path';
import { UsageError } from '../../base/errors.ts';
import { keep, readKept } from '../../base/files/kept-list.ts';
import type { Places } from '../../base/paths.ts';
import type { AnyEntry } from './schema.ts';

const file = (places: Places) => join(places.state, 'licenses.json');

/** Whether the entry asks for no acceptance of its licence, or the person has accepted it. */
export function isAccepted(entry: AnyEntry, places: Places): boolean {
  return !entry.license.acceptance || readKept(file(places)).includes(key(entry));
}

/**
 * Must be called before a first download: accepts the licence when the person did so, otherwise refuses.
 * @throws UsageError that names the licence, its restriction and what to type
 */
export function settleLicense(entry: AnyEntry, places: Places, accepts: boolean, nextSteps: readonly string[]): void {
  if (isAccepted(entry, places)) return;
  const { name, url, restrictions } = entry.license;
  if (!accepts)
    throw new UsageError(`${entry.title} has a licence to accept first: ${name}.`, {
      id: 'model/licence',
      details: [restrictions, url].filter((line) => line !== ''),
      nextSteps,
    });
  keep(file(places), key(entry));
}

const key = (entry: AnyEntry) => `${entry.license.name} | ${entry.license.url}`;
