/**
 * Files that a run's own records name: its LoRA, its samples. The records of a run that came from somebody else may name
 * anything, and what they name is shown, packed into a bundle or sent to a hub.
 */
import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { ForeignFileError, strangeKind } from '../../base/files/regular-file.ts';

/** Whether a path leads down from the folder that it is relative to, by its words alone. */
export const leadsDown = (path: string): boolean =>
  path.split('/').every((part) => part !== '' && part !== '.' && part !== '..') && !path.includes('\0');

/**
 * Absolute path of a file inside a run folder, which may be missing; nothing on the way to it below the folder is a link.
 * @throws ForeignFileError where the path leads out, or to what is no plain file
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
