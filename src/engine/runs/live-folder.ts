import { closeSync, constants, existsSync, fstatSync, openSync, readlinkSync } from 'node:fs';
import { statOf } from '../../base/files/stat.ts';

/** The folder of a live run. It may be moved during the run, and files must then be written in its new place. */
export interface LiveFolder {
  /** A path that leads to the folder wherever it was moved. It is for system calls, not for people. */
  readonly dir: string;
  /** The present path of the folder, for people and other programs. */
  path(): string;
  /** Whether the folder was removed, or was moved away and cannot be followed. */
  lost(): boolean;
  close(): void;
}

/**
 * Opens the folder.
 * @throws the file system's error when there is no such folder
 */
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
    // A folder that was removed stays open without a name: no file can be made in it any more.
    lost: () => fstatSync(handle).nlink === 0 || (!followed && !isThere()),
    close: () => closeSync(handle),
  };
}
