/**
 * Files that we write under names that anybody can guess, in folders that others may write to. A link, a pipe or
 * somebody else's file under such a name must not lead our bytes to another place.
 */
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  type Stats,
} from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { EnvironmentError } from '../../base/errors.ts';
import { ForeignFileError, openOursLater, strangeKind, unwritableKind } from '../../base/files/regular-file.ts';

/**
 * Opens the regular file of this user at `path` for reading and writing, or makes it.
 * @throws {EnvironmentError} when something else lies there; the file system's own error
 */
export async function openOwn(path: string, flags = 0): Promise<FileHandle> {
  let file: FileHandle;
  try {
    file = await openOursLater(path, constants.O_RDWR | constants.O_CREAT | flags, 0o644);
  } catch (error) {
    if (error instanceof ForeignFileError) throw refused(path, error.problem);
    const { code } = error as NodeJS.ErrnoException;
    // In a folder that everybody may write to (/tmp), Linux refuses O_CREAT on another user's file with EACCES. Then
    // the owner explains the error.
    const there = lstatOf(path);
    if (code === 'EACCES' && there !== undefined) checkOwn(there, path);
    throw error;
  }
  try {
    checkOwner(await file.stat(), path);
  } catch (error) {
    await file.close();
    throw error;
  }
  return file;
}

/**
 * Makes the folder in which processes of this user agree who works on a file. Nobody else may write into it, and
 * everything in it must belong to this user: otherwise we would wait for a stranger's claim without end.
 * @throws {EnvironmentError} when the folder, or something in it, is another user's
 */
export function ownFolder(path: string): void {
  try {
    mkdirSync(path, 0o700);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const found = lstatSync(path);
  if (!found.isDirectory()) throw refused(path, strangeKind(found) ?? 'is a file');
  checkOwner(found, path);
  if ((found.mode & 0o022) !== 0) withdraw(path);
  for (const name of readdirSync(path)) {
    const inside = lstatOf(join(path, name));
    // The claim may have been released in the meantime.
    if (inside !== undefined) checkOwn(inside, join(path, name));
  }
}

/** Whether a folder of claims belongs to this user, so that its contents can be trusted. */
export function isOwnFolder(path: string): boolean {
  const found = lstatOf(path);
  if (found?.isDirectory() !== true) return false;
  try {
    checkOwner(found, path);
    for (const name of readdirSync(path)) checkOwn(lstatSync(join(path, name)), join(path, name));
    return true;
  } catch {
    return false;
  }
}

/**
 * Makes sure that the file is a regular file of this user with one name.
 * @throws {EnvironmentError} when it is not
 */
function checkOwn(found: Stats, path: string): void {
  const problem = unwritableKind(found);
  if (problem !== undefined) throw refused(path, problem);
  checkOwner(found, path);
}

function checkOwner(found: Stats, path: string): void {
  if (found.uid === process.geteuid?.() || found.uid === ownerOfNewFiles(dirname(path))) return;
  throw refused(path, `belongs to another user (number ${found.uid})`);
}

/**
 * User number of new files in a folder. Network and foreign disks may give all files that we write to one user of
 * theirs.
 */
function ownerOfNewFiles(folder: string): number {
  const path = join(folder, `.${randomBytes(6).toString('hex')}.tmp`);
  const file = openSync(path, 'wx', 0o600);
  try {
    return fstatSync(file).uid;
  } finally {
    closeSync(file);
    rmSync(path, { force: true });
  }
}

function withdraw(folder: string): void {
  try {
    chmodSync(folder, 0o700);
  } catch {
    // The disk has no file modes.
  }
}

function lstatOf(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}

function refused(path: string, what: string): EnvironmentError {
  return new EnvironmentError(`${path} ${what}; it is left alone, and nothing was fetched.`, {
    id: 'download/foreign-partial',
    details: [
      `visiontrain keeps such a file while it fetches, and makes it itself. Others may write to ${dirname(path)}.`,
    ],
    nextSteps: [`Look what it is:  ls -ld ${path}`, 'Remove it, or fetch into a folder of your own.'],
  });
}
