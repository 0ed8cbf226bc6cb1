/**
 * Opens our files in a folder that may come from somebody else. No link is followed, no FIFO or device is waited for,
 * and a file larger than its limit is never read into memory.
 */
import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from 'node:fs';
import { EnvironmentError } from '../errors.ts';
import { formatBytes } from '../text.ts';

/** What stands at the path is not a plain file of ours. The message says what it is, without the path. */
export class ForeignFileError extends EnvironmentError {
  /** What is wrong, in words that follow the name of the file: `is a link`. */
  readonly problem: string;

  constructor(path: string, problem: string, cause?: unknown) {
    super(`${path} ${problem}.`, {
      details: ['visiontrain writes plain files there, so somebody else put it there or changed it.'],
      nextSteps: ['Look at it, and remove it if you do not know it.'],
      cause,
    });
    this.problem = problem;
  }
}

/** With these flags a FIFO or a device is opened without waiting, and a link is not opened at all. */
const GUARD = constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** What kind of thing a folder entry is, in words that end a sentence; undefined for a plain file. */
export function strangeKind(stats: Stats): string | undefined {
  if (stats.isFile()) return undefined;
  if (stats.isSymbolicLink()) return 'is a link';
  if (stats.isDirectory()) return 'is a folder';
  return stats.isFIFO() ? 'is a FIFO' : 'is no plain file';
}

/**
 * Opens a plain file; it is created with `mode` when the flags ask for that.
 * @throws ForeignFileError when something else has the name, and when a file to be written has a second name (a hard
 * link)
 */
export function openRegular(path: string, flags: number, mode = 0o600): number {
  let file: number;
  try {
    file = openSync(path, flags | GUARD, mode);
  } catch (error) {
    const problem = OPEN_PROBLEMS[(error as NodeJS.ErrnoException).code ?? ''];
    throw problem === undefined ? error : new ForeignFileError(path, problem, error);
  }
  const stats = fstatSync(file);
  const writes = (flags & (constants.O_WRONLY | constants.O_RDWR)) !== 0;
  const problem = strangeKind(stats) ?? (writes && stats.nlink > 1 ? 'has a second name (a hard link)' : undefined);
  if (problem === undefined) return file;
  closeSync(file);
  throw new ForeignFileError(path, problem);
}

const OPEN_PROBLEMS: Readonly<Record<string, string>> = {
  ELOOP: 'is a link',
  EISDIR: 'is a folder',
  ENXIO: 'is a FIFO or a socket',
};

/**
 * The bytes of a plain file; undefined where there is none.
 * @throws ForeignFileError for what is no plain file, or has more than `limit` bytes
 */
export function readRegular(path: string, limit: number): Buffer | undefined {
  let file: number;
  try {
    file = openRegular(path, constants.O_RDONLY);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
  try {
    const { size } = fstatSync(file);
    if (size > limit) throw new ForeignFileError(path, `is larger than it can rightly be (${formatBytes(size)})`);
    const buffer = Buffer.alloc(size);
    let at = 0;
    for (let got = -1; at < size && got !== 0; at += got) got = readSync(file, buffer, at, size - at, at);
    return buffer.subarray(0, at);
  } finally {
    closeSync(file);
  }
}
