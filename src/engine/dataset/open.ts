/** Words for a file of a data set that cannot be opened. */
import { basename } from 'node:path';
import { readProblem } from '../../base/files/fs-errors.ts';
import { NotRegularError } from '../../base/files/regular-file.ts';

/** Why a file cannot be opened, in words that follow its name: "may not be read: permission denied". */
export function openProblem(path: string, error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  if (error instanceof NotRegularError || code === 'EAGAIN') return 'is a pipe or a device';
  // Node shows bytes that are not valid UTF-8 as U+FFFD, and then finds no file with that name.
  if (code === 'ENOENT' && basename(path).includes('\ufffd')) return 'has a name that is not valid UTF-8: rename it';
  if (code === 'ENOENT') return 'is gone';
  return readProblem(error);
}
