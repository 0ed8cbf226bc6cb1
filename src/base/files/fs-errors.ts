/** What the file system says, in words: one table for all that reads and writes files. */

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException | null)?.code ?? '';

/** What a person can mend about a disk. Other words of the file system are said by whoever knows what they mean there. */
const WORDS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the disk is read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: 'your quota on this disk is used up',
  EIO: 'the disk reports an error',
  ESTALE: 'the network disk has lost it',
  EFBIG: 'the file system cannot hold a file of this size',
  ENAMETOOLONG: 'the name is too long',
};

/** What is wrong with the disk or the rights on it; undefined for any other error. */
export const diskProblem = (error: unknown): string | undefined => WORDS[codeOf(error)];

export const isDenied = (error: unknown): boolean => ['EACCES', 'EPERM'].includes(codeOf(error));
export const isFull = (error: unknown): boolean => ['ENOSPC', 'EDQUOT'].includes(codeOf(error));
/** Nothing has that name: it or a folder above it is missing, or a file stands in the place of one. */
export const isMissing = (error: unknown): boolean => ['ENOENT', 'ENOTDIR'].includes(codeOf(error));

/** Follows the name of what cannot be read, or with `verb` opened: `may not be read: permission denied`. */
export function readProblem(error: unknown, verb: 'read' | 'opened' = 'read'): string {
  if (isDenied(error)) return `may not be ${verb}: permission denied`;
  if (codeOf(error) === 'ELOOP') return 'is a link that leads to itself';
  return `cannot be ${verb}: ${diskProblem(error) ?? (error as Error).message}`;
}
