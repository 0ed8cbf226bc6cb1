/**
 * Checks files that a run's own records name: its LoRA, its samples. The records of a run from somebody else may name
 * any file, and named files are shown, packed into a bundle or sent to a hub.
 */
import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { ForeignFileError, strangeKind } from '../../base/files/regular-file.ts';

/** Whether a path stays below the folder that it is relative to, judged by its text alone. */
export const leadsDown = (path: string): boolean =>
  path.split('/').every((part) => part !== '' && part !== '.' && part !== '..') && !path.includes('\0');

/**
 * Absolute path of a file inside a run folder; the file may be missing. No part of the path below the folder is a
 * link.
 * @throws ForeignFileError where the path leads out, or to anything but a plain file
 */
export function insideRun(dir: string, path: string): string {
  if (!leadsDown(path)) throw new ForeignFileError(join(dir, path), 'is not inside the run folder');
  const parts = path.split('/');
  for (const [i] of parts.entries()) {
    const here = join(dir, ...parts.slice(0, i + 1));
    const found = lstatSync(here, { throwIfNoEntry: false });
    if (found === undefined) break;
    const problem = i === parts.length - 1 ? strangeKind(found) : found.isDirectory() ? undefined : 'is no folder';
    if (problem !== undefined) throw new ForeignFileError(here, found.isSymbolicLink() ? 'is a link' : problem);
  }
  return join(dir, path);
}
