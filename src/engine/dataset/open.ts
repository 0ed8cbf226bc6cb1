/** What a file of a data set that cannot be opened is said to be. */
import { basename } from 'node:path';
import { NotRegularError } from '../../base/files/regular-file.ts';

/** Why a file cannot be opened, in words that follow its name: "may not be read: permission denied". */
export function openProblem(path: string, error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (error instanceof NotRegularError || code === 'EAGAIN') return 'is a pipe or a device';
  if (code === 'EACCES' || code === 'EPERM') return 'may not be read: permission denied';
  // Node shows bytes that are not valid UTF-8 as U+FFFD, and then finds no file of that name.
  if (code === 'ENOENT' && basename(path).includes('\ufffd')) return 'has a name that is not valid UTF-8: rename it';
  if (code === 'ENOENT') return 'is gone';
  return `cannot be read: ${message}`;
}
