/** Writes files to places that a person named. */
import { accessSync, constants } from 'node:fs';
import { dirname } from 'node:path';
import { EnvironmentError } from '../errors.ts';
import { makeFolder } from './folder.ts';
import { explainWriteError } from './write-errors.ts';

/**
 * Makes the folder of `path` where it is missing, and runs `write`.
 * @param choose what to type to get another place, such as `-o FILE`
 * @throws EnvironmentError when the file system refuses; other errors pass
 */
export function intoGivenPlace<T>(path: string, choose: string, write: () => T): T {
  try {
    makeFolder(dirname(path));
    return write();
  } catch (error) {
    throw explainPlace(error, path, choose);
  }
}

/**
 * Makes a folder that a person named, before work for it begins.
 * @throws EnvironmentError when the file system refuses
 */
export function makeGivenFolder(folder: string, choose: string): void {
  try {
    makeFolder(folder);
    accessSync(folder, constants.W_OK);
  } catch (error) {
    throw explainPlace(error, folder, choose);
  }
}

function explainPlace(error: unknown, place: string, choose: string): unknown {
  const cure = `Choose another place:  ${choose}`;
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return explainWriteError(error, place, cure);
  return new EnvironmentError(`${place} cannot be made: nothing can be made there.`, {
    id: 'disk/no-folder',
    nextSteps: [cure],
    cause: error,
  });
}
