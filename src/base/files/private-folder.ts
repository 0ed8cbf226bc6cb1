/** Folders that nobody else may write to: what lies in them is taken as our own, and part of it is run. */
import { accessSync, chmodSync, constants, lstatSync, mkdirSync, realpathSync, type Stats, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { EnvironmentError } from '../errors.ts';
import type { Places } from '../paths.ts';
import { shellWord } from '../typed-path.ts';
import { makeFolder } from './folder.ts';

const OTHERS_WRITE = 0o022;
const STICKY = 0o1000;

/**
 * Makes a folder, and those above it that are missing, for this user alone, whatever the umask says. One that is there
 * and ours loses what lets others write to it.
 * @throws EnvironmentError when it belongs to another user; errors of the file system pass
 */
export function makePrivateFolder(path: string): void {
  makeFolder(path, 0o700);
  checkOwner(path);
}

function checkOwner(path: string): void {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (isForeign(found))
    throw new EnvironmentError(`${path} belongs to another user (number ${found.uid}).`, {
      details: ['What is in it could be theirs, and parts of it are run.'],
      nextSteps: [
        `Use a folder of yours:  export VISIONTRAIN_HOME=${shellWord(join(isWritable(path) ? path : dirname(path), 'mine'))}`,
      ],
    });
  if (found.uid !== process.getuid?.() || (found.mode & OTHERS_WRITE) === 0) return;
  try {
    chmodSync(path, found.mode & 0o7777 & ~OTHERS_WRITE);
  } catch {
    // A disk that knows no rights, as those of Windows, keeps none.
  }
}

/** As a folder of the host that a container is given, beside which there is no room. */
function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** What is ours is closed to others, and nobody else's: asked before anything in it is believed. @throws EnvironmentError */
export function checkPlaces({ home, models, envs, cache, config, state }: Places): void {
  for (const path of [home, envs, cache, config, state]) checkOwner(path);
  checkModels(models);
}

/** As `makePrivateFolder`, but for a store of models that many share. @throws EnvironmentError */
export function makeModelsFolder(path: string): void {
  makeFolder(path, 0o700);
  checkModels(path);
}

/**
 * A link in our own folder was made by this person, so where it leads was chosen, such as a store that a whole
 * laboratory shares: it keeps its owner and rights. Models are only read, and each is known by its hash.
 */
function checkModels(path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() !== true) checkOwner(path);
}

/** Root may work in anybody's folder, and what is root's can be changed by root only. */
export function isForeign({ uid }: Stats): boolean {
  const own = process.getuid?.();
  return own !== undefined && own !== 0 && uid !== own && uid !== 0;
}

/**
 * Whether nobody but this user and root can put anything into a folder: it and all those above it are theirs and closed
 * to others. For what is loaded as code without a further look.
 */
export function isExclusive(path: string): boolean {
  const own = process.getuid?.();
  if (own === undefined) return false;
  try {
    const found = lstatSync(path);
    if (!found.isDirectory() || found.uid !== own || (found.mode & OTHERS_WRITE) !== 0) return false;
    // Links on the way, and where they lead.
    return [...foldersAbove(resolve(path)), ...foldersAbove(realpathSync(path))].every((above) => {
      const { uid, mode } = statSync(above);
      // In a sticky folder, as /tmp, only the owner can put another in the place of one.
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

/** A folder for code that was compiled, below `cache`; undefined where none can be had that is this user's alone. */
export function codeCache(cache: string, name: string): string | undefined {
  const path = join(cache, name);
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') return undefined;
  }
  return isExclusive(path) ? path : undefined;
}
