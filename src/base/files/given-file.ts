/** Reads files that may be a stranger's: a pipe or a device in the place of a file would hold the program for ever. */
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { UsageError } from '../errors.ts';
import { formatBytes } from '../text.ts';

/**
 * Opens a regular file for reading; links are followed. The call never waits, whatever lies at the path.
 * @throws {UsageError} when it is a pipe, a device or a folder; the file system's own error when it cannot be opened
 */
export function openGiven(path: string): number {
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  if (fstatSync(file).isFile()) return file;
  closeSync(file);
  throw new UsageError(`${path} is not a regular file.`);
}

/**
 * Reads a whole regular file of at most `most` bytes.
 * @throws {UsageError} when it is no regular file, or larger; the file system's own error when it cannot be read
 */
export function readGiven(path: string, most: number): Buffer {
  const file = openGiven(path);
  try {
    const { size } = fstatSync(file);
    if (size > most) throw new UsageError(`${path} is larger than such a file ever is (${formatBytes(size)}).`);
    return readFileSync(file);
  } finally {
    closeSync(file);
  }
}
