/** The disk: its free space, moving files into place, and disk errors in words. */
import { randomBytes } from 'node:crypto';
import { constants, existsSync, readFileSync, statfsSync } from 'node:fs';
import { copyFile, link, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { EnvironmentError } from '../errors.ts';
import { formatBytes } from '../text.ts';
import { diskProblem } from './fs-errors.ts';
import { statOf } from './stat.ts';

/** Bytes that are left free for everything else on the disk. */
const RESERVE = 64 << 20;

/** Bytes that this user may still write to the disk of `folder`. */
export function freeBytes(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}

/**
 * Makes sure that the disk of `folder` has room for `bytes` more.
 * @throws EnvironmentError when it has not
 */
export function checkRoom(folder: string, bytes: number, what: string): void {
  const free = freeBytes(folder);
  const lacking = bytes + RESERVE - free;
  if (lacking <= 0) return;
  throw new EnvironmentError(`The disk is too full for ${what}.`, {
    id: 'disk/full',
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

/** A disk error in words that a person can act on; undefined when it is no disk error. */
export function diskError(error: unknown, path: string, kept: boolean): EnvironmentError | undefined {
  const removed = (error as NodeJS.ErrnoException | null)?.code === 'ENOENT';
  const words = removed ? 'something there was removed while it was being worked on' : diskProblem(error);
  if (words === undefined) return undefined;
  return new EnvironmentError(`${path}: ${words}.`, {
    id: 'disk/write-failed',
    ...(kept ? { details: ['What is downloaded so far is kept; the same command goes on from there.'] } : {}),
    nextSteps: [
      removed
        ? 'Run the same command again.'
        : 'Free some room or mend the permissions, then run the same command again.',
    ],
    cause: error,
  });
}

/** Gives a finished file its final name and syncs the folder, so that the name survives a power cut. */
export async function commitFile(from: string, to: string): Promise<void> {
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
  // Others may be able to write to the folder. So the name must not be guessable, and the file must be new.
  const temporary = join(dirname(to), `.${basename(to)}.copy-${randomBytes(6).toString('hex')}`);
  try {
    await copyFile(from, temporary, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
    const file = await open(temporary, 'r+');
    await file.sync();
    await file.close();
    await commitFile(temporary, to);
  } finally {
    await rm(temporary, { force: true });
  }
  return 'copied';
}

/** Renames a file so that its name is free, without deleting it; returns its new name. */
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

/**
 * Mount point of the folder's disk, if that is mounted `noexec`, so that no program can be started from there;
 * undefined otherwise. `mounts` is the text of /proc/mounts, by default that of this machine.
 */
export function noexecMount(folder: string, mounts = readMounts()): string | undefined {
  const rows = mounts.split('\n').flatMap((line) => {
    const [, name = '', , options = ''] = line.split(' ');
    // /proc/mounts writes spaces and other special characters as octal numbers.
    const at = name.replace(/\\(\d{3})/gu, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
    const below = at === '/' || folder === at || folder.startsWith(`${at}/`);
    return at !== '' && below ? [{ at, noexec: options.split(',').includes('noexec') }] : [];
  });
  // The longest path is the nearest mount. Of equal paths the last one lies on top.
  const top = rows.reduce<(typeof rows)[number] | undefined>(
    (best, row) => (best === undefined || row.at.length >= best.at.length ? row : best),
    undefined,
  );
  return top?.noexec ? top.at : undefined;
}

function readMounts(): string {
  try {
    return readFileSync('/proc/mounts', 'utf8');
  } catch {
    return '';
  }
}
