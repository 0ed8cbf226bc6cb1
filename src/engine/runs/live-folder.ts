import { closeSync, constants, existsSync, fstatSync, openSync, readlinkSync } from 'node:fs';
import { statOf } from '../../base/files/stat.ts';

/** The folder of a run that goes on: it may be moved meanwhile, and what is written must land where it is by then. */
export interface LiveFolder {
  /** Names the folder wherever it is; for the system, not for people. */
  readonly dir: string;
  /** Where it is now, for people and other programs. */
  path(): string;
  /** It was removed, or it is not where it was and cannot be followed. */
  lost(): boolean;
  close(): void;
}

/** Throws what the file system says when there is no such folder. */
export function openFolder(path: string): LiveFolder {
  const handle = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  const { dev, ino } = fstatSync(handle);
  const follow = `/proc/self/fd/${handle}`;
  const followed = existsSync(follow);
  const isThere = () => {
    const now = statOf(path);
    return now !== undefined && now.dev === dev && now.ino === ino;
  };
  return {
    dir: followed ? follow : path,
    path: () => (followed ? readlinkSync(follow) : path),
    // A folder that was removed stays open without a name: nothing can be made in it any more.
    lost: () => fstatSync(handle).nlink === 0 || (!followed && !isThere()),
    close: () => closeSync(handle),
  };
}
