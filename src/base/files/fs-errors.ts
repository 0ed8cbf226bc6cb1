/** Errors of the file system in words: one table for everything that reads and writes files. */

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException | null)?.code ?? '';

const ROOM = 'Make room on it, or name a place on another disk.';

/**
 * The errors that a person can mend on a disk, with words for each, and advice where the words alone do not say what to
 * do. Any other code is put into words by the caller, who knows what it means there.
 */
const PROBLEMS: Readonly<Record<string, readonly [words: string, cure?: string]>> = {
  EACCES: ['permission denied', 'Take the right to it, or name another place.'],
  EPERM: ['permission denied', 'Take the right to it, or name another place.'],
  EROFS: ['the disk is read-only', 'Name a place on a disk that can be written.'],
  ENOSPC: ['the disk is full', ROOM],
  EDQUOT: ['your quota on this disk is used up', ROOM],
  EIO: ['the disk reports an error'],
  ESTALE: ['the network disk has lost it'],
  EFBIG: ['the file system cannot hold a file of this size'],
  ENAMETOOLONG: ['the name is too long'],
  EINVAL: ['its file system refuses it'],
  ENOTSUP: ['its file system cannot do that'],
  EOPNOTSUPP: ['its file system cannot do that'],
  ENOSYS: ['its file system cannot do that'],
  ENXIO: ['there is no device behind it'],
  ENODEV: ['there is no device behind it'],
  EBUSY: ['another program holds it'],
  ETXTBSY: ['it is a program that runs'],
  ENOLCK: ['its file system gives no locks'],
  EREMOTEIO: ['the network disk reports an error'],
  ETIMEDOUT: ['the network disk does not answer'],
  EHOSTDOWN: ['the network disk does not answer'],
};

/** What is wrong with the disk or with the rights on it; undefined for any other error. */
export const diskProblem = (error: unknown): string | undefined => PROBLEMS[codeOf(error)]?.[0];

/** What a person can do about it; undefined where `diskProblem` says enough. */
export const diskCure = (error: unknown): string | undefined => PROBLEMS[codeOf(error)]?.[1];

export const isDenied = (error: unknown): boolean => ['EACCES', 'EPERM'].includes(codeOf(error));
export const isFull = (error: unknown): boolean => ['ENOSPC', 'EDQUOT'].includes(codeOf(error));
/**
 * Whether the error means that nothing has that name: it or a folder above it is missing, or a file stands in the
 * place of a folder.
 */
export const isMissing = (error: unknown): boolean => ['ENOENT', 'ENOTDIR'].includes(codeOf(error));

/**
 * Words that follow the name of a file that cannot be read, or opened with `verb`: `may not be read: permission
 * denied`.
 */
export function readProblem(error: unknown, verb: 'read' | 'opened' = 'read'): string {
  if (isDenied(error)) return `may not be ${verb}: permission denied`;
  if (codeOf(error) === 'ELOOP') return 'is a link that leads to itself';
  return `cannot be ${verb}: ${diskProblem(error) ?? (error as Error).message}`;
}
