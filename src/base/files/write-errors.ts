/** Errors of the file system when one of our files cannot be written, turned into what a person can do about them. */
import { dirname, isAbsolute, join } from 'node:path';
import { EnvironmentError } from '../errors.ts';
import { diskProblem, isDenied, isFull } from './fs-errors.ts';

export const ELSEWHERE =
  'Keep the runs elsewhere: add --workspace /path/with/space, or set VISIONTRAIN_HOME=/path for everything.';

/** Next step for errors outside of runs, where --workspace has no effect. */
export const HOME_ELSEWHERE = 'Keep everything elsewhere:  export VISIONTRAIN_HOME=/path/with/space';

export const diskFull = (folder: string, cause?: unknown, cure: string = ELSEWHERE): EnvironmentError =>
  new EnvironmentError(`The disk that holds ${folder} is full.`, {
    id: 'disk/full',
    nextSteps: ['Free some space: `visiontrain models list` shows what the models take.', cure],
    cause,
  });

/** What stands in the place of a folder, by the error code of mkdir. */
const PARTS: Readonly<Record<string, string>> = {
  ENOTDIR: 'a part of its path is a file',
  EEXIST: 'a part of its path is a link that leads nowhere',
};

/** Whether a file or folder on the way to `place` could not be made; a missing file elsewhere says nothing of the place. */
function isOnTheWay(error: unknown, place: string): boolean {
  const { code, path = '', syscall } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' && syscall !== 'spawn' && isAbsolute(path) && place.startsWith(join(dirname(path), '/'));
}

/**
 * Turns an error of the file system into one that says what the person can do; other errors are returned unchanged.
 * @param place the file or folder that was to be written
 * @param cure how to have it elsewhere
 */
export function explainWriteError(error: unknown, place: string, cure: string = ELSEWHERE): unknown {
  const { code = '' } = error as NodeJS.ErrnoException;
  const nextSteps = [cure];
  if (isDenied(error) || code === 'EROFS')
    return new EnvironmentError(`${place} cannot be written to: ${diskProblem(error)}.`, {
      id: 'disk/not-writable',
      nextSteps,
      cause: error,
    });
  if (isFull(error)) return diskFull(place, error, cure);
  const why = PARTS[code] ?? (isOnTheWay(error, place) ? 'nothing can be made there' : undefined);
  const problem = diskProblem(error);
  if (why === undefined && problem !== undefined)
    return new EnvironmentError(`${place} cannot be written: ${problem}.`, {
      id: 'disk/write-failed',
      nextSteps,
      cause: error,
    });
  if (why === undefined) return error;
  return new EnvironmentError(`${place} cannot be made: ${why}.`, {
    id: 'disk/no-folder',
    ...(code === 'EEXIST' ? { details: ['Is the disk it leads to connected?'] } : {}),
    nextSteps,
    cause: error,
  });
}
