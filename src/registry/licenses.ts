/** Which licences the person has accepted; kept with the name of the licence, so that a changed one is asked again. */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomic } from '../engine/atomic.ts';
import type { Places } from '../engine/paths.ts';
import type { AnyEntry } from './schema.ts';

const file = (places: Places) => join(places.state, 'licenses.json');

export function isAccepted(entry: AnyEntry, places: Places): boolean {
  return !entry.license.acceptance || read(places).includes(key(entry));
}

export function acceptLicense(entry: AnyEntry, places: Places): void {
  const accepted = new Set([...read(places), key(entry)]);
  mkdirSync(places.state, { recursive: true });
  writeFileAtomic(file(places), `${JSON.stringify([...accepted].sort(), null, 2)}\n`);
}

const key = (entry: AnyEntry) => `${entry.license.name} | ${entry.license.url}`;

function read(places: Places): string[] {
  try {
    const list: unknown = JSON.parse(readFileSync(file(places), 'utf8'));
    return Array.isArray(list) ? list.filter((item) => typeof item === 'string') : [];
  } catch {
    return [];
  }
}
