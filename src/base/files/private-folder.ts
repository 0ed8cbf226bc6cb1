/** Folders that nobody else may write to: the program trusts their contents and runs part of them. */
import { accessSync, chmodSync, constants, lstatSync, mkdirSync, realpathSync, type Stats, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { EnvironmentError } from '../errors.ts';
import type { Places } from '../paths.ts';
import { shellWord } from '../typed-path.ts';
import { makeFolder } from './folder.ts';
import { ownerOnDisk } from './owner-on-disk.ts';
import { statOf } from './stat.ts';

const OTHERS_WRITE = 0o022;
const STICKY = 0o1000;

/**
 * Makes a folder, and the missing ones above it, for this user alone, whatever the umask says. A folder of this user
 * that exists already loses the rights that let others write to it.
 * @throws EnvironmentError when it belongs to another user; errors of the file system pass
 */
export function makePrivateFolder(path: string): void {
  makeFolder(path, 0o700);
  checkOwner(path);
}

/** The error for a folder whose files would be run and that another user owns. */
export const foreignFolder = (path: string, owner: number): EnvironmentError =>
  new EnvironmentError(`${path} belongs to another user (number ${owner}).`, {
    id: 'disk/other-user',
    details: ['What is in it could be theirs, and parts of it are run.'],
    nextSteps: [
      `Use a folder of yours:  export VISIONTRAIN_HOME=${shellWord(join(isWritable(path) ? path : dirname(path), 'mine'))}`,
    ],
  });

function checkOwner(path: string): void {
  const found = statOf(path);
  // A path that this user cannot reach is not used either, so it needs no check.
  if (found === undefined) return;
  // On a disk that maps owners, all files of this person belong to one and the same other number.
  if (isForeign(found) && ownerOnDisk(path)?.uid !== found.uid) throw foreignFolder(path, found.uid);
  if (found.uid !== process.getuid?.() || (found.mode & OTHERS_WRITE) === 0) return;
  try {
    chmodSync(path, found.mode & 0o7777 & ~OTHERS_WRITE);
  } catch {
    // A disk without access rights, such as one of Windows, cannot store them.
  }
}

function isLink(path: string): boolean {
  try {
    return lstatSync(path).isSymbolicLink();
  } catch {
    // Nothing is there, or a file stands where a folder is expected.
    return false;
  }
}

/**
 * Whether this user may write to a folder. In a container, a mounted folder of the host may be writable while the
 * folder above it is not.
 */
function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * Closes our folders to other users. It must be called before anything in the folders is trusted.
 * @throws EnvironmentError when a folder belongs to another user
 */
export function checkPlaces({ home, models, envs, cache, config, state }: Places): void {
  for (const path of [home, envs, cache, config, state]) checkOwner(path);
  checkModels(models);
}

/**
 * Makes the folder of models, which may be a link to a store that several people share.
 * @throws EnvironmentError when the file system refuses
 */
export function makeModelsFolder(path: string): void {
  makeFolder(path, 0o700);
  checkModels(path);
}

/**
 * Checks the folder of models. A link in our own folder was made by this person, so its target was chosen, for
 * instance a store that a whole laboratory shares: the target keeps its owner and rights. Models are only read, and
 * each is identified by its hash.
 */
function checkModels(path: string): void {
  if (!isLink(path)) checkOwner(path);
}

/**
 * Whether a file belongs to somebody else. Root may work in anybody's folder, and only root can change root's files.
 */
export function isForeign({ uid }: Stats): boolean {
  const own = process.getuid?.();
  return own !== undefined && own !== 0 && uid !== own && uid !== 0;
}

/**
 * Whether only this user and root can put anything into a folder: the folder and all those above it belong to them and
 * are closed to others. Code that is loaded without a further look must lie in such a folder.
 */
export function isExclusive(path: string): boolean {
  const own = process.getuid?.();
  if (own === undefined) return false;
  try {
    const found = lstatSync(path);
    if (!found.isDirectory() || found.uid !== own || (found.mode & OTHERS_WRITE) !== 0) return false;
    // Two chains of folders are checked: those on the way, which may be links, and those that the links lead to.
    return [...foldersAbove(resolve(path)), ...foldersAbove(realpathSync(path))].every((above) => {
      const { uid, mode } = statSync(above);
      // In a sticky folder such as /tmp only the owner of an entry can replace it.
      return (uid === own || uid === 0) && ((mode & OTHERS_WRITE) === 0 || (mode & STICKY) !== 0);
    });
  } catch {
    return false;
  }
}

function foldersAbove(path: string): string[] {
  const above = dirname(path);
  return above === path ? [] : [above, ...foldersAbove(above)];
}

/** A folder below `cache` for compiled code; undefined when no folder there belongs to this user alone. */
export function codeCache(cache: string, name: string): string | undefined {
  const path = join(cache, name);
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') return undefined;
  }
  return isExclusive(path) ? path : undefined;
}
