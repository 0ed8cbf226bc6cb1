/** Opens plain files only: a pipe or a device must neither block the scan nor feed it without end. */
import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { basename } from 'node:path';

const FLAGS = constants.O_RDONLY | constants.O_NONBLOCK;

class NotPlainError extends Error {
  readonly code = 'ENOTPLAIN';
}

/**
 * Opens a file that the walk found to be plain. If a pipe or a device has taken its place since, opening does not
 * block, and the caller reads no more than a header or a caption.
 * @throws the system's error
 */
export const openFoundSync = (path: string): number => openSync(path, FLAGS);

/** Opens a plain file to read all of it. @throws the system's error */
export function openPlainSync(path: string): number {
  const file = openSync(path, FLAGS);
  if (fstatSync(file).isFile()) return file;
  closeSync(file);
  throw new NotPlainError();
}

/** Does the same as `openPlainSync` without blocking on the disk. @throws the system's error */
export async function openPlain(path: string): Promise<FileHandle> {
  const file = await open(path, FLAGS);
  if ((await file.stat()).isFile()) return file;
  await file.close();
  throw new NotPlainError();
}

/** Why a file cannot be opened, in words that follow its name: "may not be read: permission denied". */
export function openProblem(path: string, error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOTPLAIN' || code === 'ENXIO' || code === 'EAGAIN') return 'is a pipe or a device';
  if (code === 'EACCES' || code === 'EPERM') return 'may not be read: permission denied';
  // Node shows bytes that are not valid UTF-8 as U+FFFD, and then finds no file of that name.
  if (code === 'ENOENT' && basename(path).includes('\ufffd')) return 'has a name that is not valid UTF-8: rename it';
  if (code === 'ENOENT') return 'is gone';
  return `cannot be read: ${message}`;
}
