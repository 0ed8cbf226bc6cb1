/**
 * Opens regular files only, so that nothing blocks and nothing is read without end. There are two kinds:
 * - `…Ours`: files at names that visiontrain chose, in a folder that may come from somebody else. No link is followed.
 * - `…Given`: files that a person named, or put there. Links are followed.
 * No function here waits for a FIFO or a device, even if one takes the name just before it is opened.
 */
import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { EnvironmentError, UsageError } from '../errors.ts';
import { formatBytes } from '../text.ts';
import { isMissing } from './fs-errors.ts';

/** Thrown when the path is not a plain file of ours. The message says what it is, without the path. */
export class ForeignFileError extends EnvironmentError {
  /** What is wrong, in words that follow the name of the file: `is a link`. */
  readonly problem: string;

  constructor(path: string, problem: string, cause?: unknown) {
    super(`${path} ${problem}.`, {
      id: 'file/foreign',
      details: ['visiontrain writes plain files there, so somebody else put it there or changed it.'],
      nextSteps: ['Look at it, and remove it if you do not know it.'],
      cause,
    });
    this.problem = problem;
  }
}

/** Thrown when a person named a folder, a pipe or a device instead of a file. */
export class NotRegularError extends UsageError {
  readonly isFolder: boolean;

  constructor(path: string, { isFolder = false, cause }: { isFolder?: boolean; cause?: unknown } = {}) {
    super(`${path} is ${isFolder ? 'a folder, not a file' : 'not a regular file'}.`, {
      id: 'file/not-regular',
      nextSteps: ['Name the file itself.'],
      cause,
    });
    this.isFolder = isFolder;
  }
}

/** What kind of thing a folder entry is, in words that end a sentence ("is a link"); undefined for a plain file. */
export function strangeKind(stats: Stats): string | undefined {
  if (stats.isFile()) return undefined;
  if (stats.isSymbolicLink()) return 'is a link';
  if (stats.isDirectory()) return 'is a folder';
  return stats.isFIFO() ? 'is a FIFO' : 'is no plain file';
}

/** Why an entry is not a file of ours that may be written to, as the end of a sentence; undefined where it may be. */
export function unwritableKind(stats: Stats): string | undefined {
  return strangeKind(stats) ?? (stats.nlink > 1 ? 'has a second name (a hard link)' : undefined);
}

const NEVER_WAIT = constants.O_NONBLOCK | constants.O_NOCTTY;
const OURS = constants.O_NOFOLLOW | NEVER_WAIT;
const GIVEN = constants.O_RDONLY | NEVER_WAIT;

/**
 * Opens a plain file of ours, and creates it with `mode` where the flags ask for that.
 * @throws ForeignFileError for anything else at the path, and for a file with a second name (hard link) that is opened
 *   for writing
 */
export function openOurs(path: string, flags: number, mode = 0o600): number {
  let file: number;
  try {
    file = openSync(path, flags | OURS, mode);
  } catch (error) {
    throw foreign(path, error);
  }
  const problem = oursProblem(fstatSync(file), flags);
  if (problem === undefined) return file;
  closeSync(file);
  throw new ForeignFileError(path, problem);
}

/** Does the same as `openOurs`, without blocking the event loop. */
export async function openOursLater(path: string, flags: number, mode = 0o600): Promise<FileHandle> {
  const file = await open(path, flags | OURS, mode).catch((error: unknown) => {
    throw foreign(path, error);
  });
  const problem = oursProblem(await file.stat(), flags);
  if (problem === undefined) return file;
  await file.close();
  throw new ForeignFileError(path, problem);
}

const OPEN_PROBLEMS: Readonly<Record<string, string>> = {
  ELOOP: 'is a link',
  EMLINK: 'is a link',
  EISDIR: 'is a folder',
  ENXIO: 'is a FIFO or a socket',
};

function foreign(path: string, error: unknown): unknown {
  const problem = OPEN_PROBLEMS[(error as NodeJS.ErrnoException).code ?? ''];
  return problem === undefined ? error : new ForeignFileError(path, problem, error);
}

function oursProblem(stats: Stats, flags: number): string | undefined {
  const writes = (flags & (constants.O_WRONLY | constants.O_RDWR)) !== 0;
  return writes ? unwritableKind(stats) : strangeKind(stats);
}

/**
 * The bytes of a plain file of ours; undefined where there is none.
 * @throws ForeignFileError for what is no plain file, or has more than `limit` bytes
 */
export function readOurs(path: string, limit: number): Buffer | undefined {
  let file: number;
  try {
    file = openOurs(path, constants.O_RDONLY);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  return readAndClose(file, limit, (bytes) => {
    throw new ForeignFileError(path, `is larger than it can rightly be (${formatBytes(bytes)})`);
  });
}

/**
 * Opens a regular file that a person named, to read it.
 * @throws {NotRegularError} when it is a pipe, a device or a folder; the file system's own error when it cannot be opened
 */
export function openGiven(path: string): number {
  const file = openGivenUnchecked(path);
  const stats = fstatSync(file);
  if (stats.isFile()) return file;
  closeSync(file);
  throw new NotRegularError(path, { isFolder: stats.isDirectory() });
}

/** Does the same as `openGiven`, without blocking the event loop. */
export async function openGivenLater(path: string): Promise<FileHandle> {
  const file = await open(path, GIVEN).catch((error: unknown) => {
    throw notRegular(path, error);
  });
  const stats = await file.stat();
  if (stats.isFile()) return file;
  await file.close();
  throw new NotRegularError(path, { isFolder: stats.isDirectory() });
}

/**
 * Opens a path that was a regular file a moment ago, for a caller that reads no more than a header. If a pipe or a
 * device has taken its place, reading neither blocks nor goes on for ever.
 * @throws {NotRegularError} when it is a socket; the file system's own error
 */
export function openGivenUnchecked(path: string): number {
  try {
    return openSync(path, GIVEN);
  } catch (error) {
    throw notRegular(path, error);
  }
}

/**
 * The error for a path that could not be opened: NotRegularError for a socket, which open(2) always refuses, else the
 * error itself.
 */
function notRegular(path: string, error: unknown): unknown {
  return (error as NodeJS.ErrnoException).code === 'ENXIO' ? new NotRegularError(path, { cause: error }) : error;
}

/**
 * Reads a whole regular file that a person named, of at most `most` bytes.
 * @throws {UsageError} when it is no regular file, or larger; the file system's own error when it cannot be read
 */
export function readGiven(path: string, most: number): Buffer {
  return readAndClose(openGiven(path), most, (bytes) => {
    throw new UsageError(`${path} is larger than such a file ever is (${formatBytes(bytes)}).`, {
      id: 'file/too-large',
      nextSteps: ['Is it the file that you meant?'],
    });
  });
}

/**
 * Reads an open file from its current position to its end, and closes it. The file may grow meanwhile, and files of
 * the kernel have no size, so `most` bounds the number of bytes.
 */
export function readAndClose(file: number, most: number, tooLarge: (bytes: number) => never): Buffer {
  try {
    const { size } = fstatSync(file);
    if (size > most) tooLarge(size);
    let buffer = Buffer.allocUnsafe(size + 1);
    let length = 0;
    for (;;) {
      const got = readSync(file, buffer, length, buffer.length - length, null);
      if (got === 0) return buffer.subarray(0, length);
      length += got;
      if (length > most) tooLarge(Math.max(length, fstatSync(file).size));
      if (length === buffer.length) buffer = Buffer.concat([buffer], Math.min(2 * length, most + 1));
    }
  } finally {
    closeSync(file);
  }
}
