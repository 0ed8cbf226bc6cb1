/** The disk: its free space, hashes of its files, moving files into place, and disk errors in words. */
import { createHash, randomBytes } from 'node:crypto';
import { constants, existsSync, statfsSync } from 'node:fs';
import { copyFile, link, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { EnvironmentError } from '../errors.ts';
import { formatBytes } from '../text.ts';
import { statOf } from './stat.ts';

/** Bytes that are left free for everything else on the disk. */
const RESERVE = 64 << 20;
const BLOCK = 1 << 22;

/** Bytes that this user may still write to the disk of `folder`. */
export function freeBytes(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}

/** @throws EnvironmentError when the disk of `folder` has no room for `bytes` more */
export function checkRoom(folder: string, bytes: number, what: string): void {
  const free = freeBytes(folder);
  const lacking = bytes + RESERVE - free;
  if (lacking <= 0) return;
  throw new EnvironmentError(`The disk is too full for ${what}.`, {
    details: [`${folder}: ${formatBytes(bytes + RESERVE)} needed, ${formatBytes(free)} free.`],
    nextSteps: [
      `Free ${formatBytes(lacking)} there, then run the same command again. What models take: visiontrain models list`,
      'Or put models on another disk: export VISIONTRAIN_HOME=/path/on/a/larger/disk',
    ],
  });
}

/** The folder, or the nearest one above it that exists. */
export function nearestFolder(folder: string): string {
  return existsSync(folder) || dirname(folder) === folder ? folder : nearestFolder(dirname(folder));
}

const DISK_ERRORS: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'your quota on this disk is used up',
  EACCES: 'no permission to write there',
  EPERM: 'no permission to write there',
  EROFS: 'the disk is read-only',
  EIO: 'the disk reports an error',
  ENOENT: 'something there was removed while it was being worked on',
  EFBIG: 'the file system cannot hold a file of this size',
  ENAMETOOLONG: 'the name is too long',
};

/** A disk error as something a person can act on; undefined when it is no disk error. */
export function diskError(error: unknown, path: string, kept: boolean): EnvironmentError | undefined {
  const code = (error as NodeJS.ErrnoException | null)?.code ?? '';
  const words = DISK_ERRORS[code];
  if (words === undefined) return undefined;
  return new EnvironmentError(`${path}: ${words}.`, {
    ...(kept ? { details: ['What is downloaded so far is kept; the same command goes on from there.'] } : {}),
    nextSteps: [
      code === 'ENOENT'
        ? 'Run the same command again.'
        : 'Free some room or mend the permissions, then run the same command again.',
    ],
    cause: error,
  });
}

/**
 * SHA-256 of a file, as hex, read in order. `onBytes` is called after each block; the work stops when the signal fires.
 */
export async function sha256OfFile(
  path: string,
  onBytes: (bytes: number) => void,
  signal?: AbortSignal,
): Promise<string> {
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(BLOCK);
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    for (;;) {
      signal?.throwIfAborted();
      const { bytesRead } = await file.read(buffer, 0, BLOCK, null);
      if (bytesRead === 0) return hash.digest('hex');
      hash.update(buffer.subarray(0, bytesRead));
      onBytes(bytesRead);
    }
  } finally {
    await file.close();
  }
}

/** Gives a finished file its final name and syncs the folder, so that the name survives a power cut. */
export async function settle(from: string, to: string): Promise<void> {
  await rename(from, to);
  await syncFolder(dirname(to));
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } catch {
    // Some network file systems cannot sync a folder; the file has its name even so.
  } finally {
    await handle.close();
  }
}

/**
 * Puts the same bytes under a second name: a hard link where the file system allows it, else a copy that appears at
 * once.
 */
export async function linkOrCopy(from: string, to: string): Promise<'linked' | 'copied'> {
  try {
    await link(from, to);
    return 'linked';
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw error;
  }
  // Others may write to the folder, so the name cannot be guessed and the file must be new.
  const temporary = join(dirname(to), `.${basename(to)}.copy-${randomBytes(6).toString('hex')}`);
  try {
    await copyFile(from, temporary, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
    const file = await open(temporary, 'r+');
    await file.sync();
    await file.close();
    await settle(temporary, to);
  } finally {
    await rm(temporary, { force: true });
  }
  return 'copied';
}

/** Moves a file out of the way without deleting it; returns its new name. */
export async function setAside(path: string, why: string): Promise<string> {
  for (let n = 1; ; n += 1) {
    const aside = `${path}.${why}${n === 1 ? '' : `-${n}`}`;
    if (existsSync(aside)) continue;
    await rename(path, aside);
    return aside;
  }
}

/** Size of a regular file in bytes (links are followed); undefined when there is none. */
export function sizeOf(path: string): number | undefined {
  const found = statOf(path);
  return found?.isFile() === true ? found.size : undefined;
}
