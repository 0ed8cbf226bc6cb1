/** Errors of the file system when one of our files cannot be written, turned into what a person can do about them. */
import { EnvironmentError } from '../errors.ts';
import { isDenied, isFull } from './fs-errors.ts';

export const ELSEWHERE =
  'Keep the runs elsewhere: add --workspace /path/with/space, or set VISIONTRAIN_HOME=/path for everything.';

export const diskFull = (folder: string, cause?: unknown): EnvironmentError =>
  new EnvironmentError(`The disk that holds ${folder} is full.`, {
    id: 'disk/full',
    nextSteps: ['Free some space: `visiontrain models list` shows what the models take.', ELSEWHERE],
    cause,
  });

/** Turns what the file system says into what a person can do about it; other errors pass unchanged. */
export function explainWriteError(error: unknown, folder: string): unknown {
  const { code } = error as NodeJS.ErrnoException;
  const elsewhere = [ELSEWHERE];
  if (isDenied(error) || code === 'EROFS')
    return new EnvironmentError(`${folder} cannot be written to.`, {
      id: 'disk/not-writable',
      nextSteps: elsewhere,
      cause: error,
    });
  if (isFull(error)) return diskFull(folder, error);
  if (code === 'ENOTDIR' || code === 'EEXIST')
    return new EnvironmentError(`${folder} cannot be made: a part of its path is a file.`, {
      id: 'disk/no-folder',
      nextSteps: elsewhere,
      cause: error,
    });
  return error;
}
