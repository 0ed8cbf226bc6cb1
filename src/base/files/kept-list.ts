/** Keeps what a person has agreed to for the next time: a file with a sorted list of lines, as JSON. */
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { writeFileAtomic } from './atomic.ts';
import { makePrivateFolder } from './private-folder.ts';

/** The lines of the list; none where the file is missing or damaged, in which case the person is asked again. */
export function readKept(file: string): string[] {
  try {
    const list: unknown = JSON.parse(readFileSync(file, 'utf8'));
    return Array.isArray(list) ? list.filter((item) => typeof item === 'string') : [];
  } catch {
    return [];
  }
}

/** Adds a line and makes the folder of the list when it is missing. */
export function keep(file: string, line: string): void {
  makePrivateFolder(dirname(file));
  writeFileAtomic(file, `${JSON.stringify([...new Set([...readKept(file), line])].sort(), null, 2)}\n`);
}
