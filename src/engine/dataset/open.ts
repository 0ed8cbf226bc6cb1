/** Opens a plain file and nothing else: a pipe or a device must neither block the scan nor feed it without end. */
import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { basename } from 'node:path';

const FLAGS = constants.O_RDONLY | constants.O_NONBLOCK;

class NotPlainError extends Error {
  readonly code = 'ENOTPLAIN';
}

/**
 * Opens what a walk found to be a plain file. Should a pipe or a device have taken its place, reading neither blocks nor
 * goes on for ever: whoever reads, reads no more than a header or a caption. @throws the system's error.
 */
export const openFoundSync = (path: string): number => openSync(path, FLAGS);

/** Opens a plain file to read all of it. @throws the system's error. */
export function openPlainSync(path: string): number {
  const file = openSync(path, FLAGS);
  if (fstatSync(file).isFile()) return file;
  closeSync(file);
  throw new NotPlainError();
}

/** The same without waiting for the disk. */
export async function openPlain(path: string): Promise<FileHandle> {
  const file = await open(path, FLAGS);
  if ((await file.stat()).isFile()) return file;
  await file.close();
  throw new NotPlainError();
}

/** Follows the file's name: "may not be read: permission denied". */
export function openProblem(path: string, error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOTPLAIN' || code === 'ENXIO' || code === 'EAGAIN') return 'is a pipe or a device';
  if (code === 'EACCES' || code === 'EPERM') return 'may not be read: permission denied';
  // Node shows bytes that are no UTF-8 as U+FFFD, and then finds no such name.
  if (code === 'ENOENT' && basename(path).includes('\ufffd')) return 'has a name that is not valid UTF-8: rename it';
  if (code === 'ENOENT') return 'is gone';
  return `cannot be read: ${message}`;
}
