import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, lstatSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { NotRegularError } from './regular-file.ts';

/**
 * Writes a whole file or nothing: it writes a temporary file beside it, syncs it, renames it and syncs the folder.
 * @throws {NotRegularError} when a device, a pipe or a folder has the name: renaming would put the file in its place
 */
export function writeFileAtomic(path: string, data: string | Uint8Array, mode = 0o644): void {
  const there = lstatSync(path, { throwIfNoEntry: false });
  if (there !== undefined && !there.isFile() && !there.isSymbolicLink())
    throw new NotRegularError(path, { isFolder: there.isDirectory() });
  const temporary = join(dirname(path), `.${randomBytes(6).toString('hex')}.tmp`);
  try {
    const file = openSync(temporary, 'wx', mode);
    try {
      const bytes = typeof data === 'string' ? Buffer.from(data) : data;
      for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  try {
    const folder = openSync(dirname(path), 'r');
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
  } catch {
    // Some network file systems cannot sync a folder; the file has its name even so.
  }
}
