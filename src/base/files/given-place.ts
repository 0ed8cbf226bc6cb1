/** Writes files to places that a person named. */
import { accessSync, constants, statSync } from 'node:fs';
import { dirname } from 'node:path';
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
    throw explainWriteError(error, path, `Choose another place:  ${choose}`);
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
    if (!statSync(folder).isDirectory()) throw Object.assign(new Error(folder), { code: 'ENOTDIR' });
  } catch (error) {
    throw explainWriteError(error, folder, `Choose another place:  ${choose}`);
  }
}
