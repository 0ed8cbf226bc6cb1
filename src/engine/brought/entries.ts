/**
 * Limits on the entries of an archive: plain files with names that stay inside, none of them twice, and not too many
 * bytes. Pure.
 */
import { UsageError, VisiontrainError } from '../../base/errors.ts';
import { formatBytes, shorten } from '../../base/text.ts';
import { isPassedOver } from '../dataset/walk.ts';

/** Most files of an archive. */
const MOST_FILES = 1_000_000;
/** Longest name of one folder or file in bytes, as in file systems. */
const MOST_NAME = 255;
/** Deepest nesting of folders. */
const MOST_DEPTH = 64;
/**
 * Bytes that any archive may unpack to, and (below) how many times its own size. Images are compressed already, so
 * more is suspicious.
 */
const FREE_BYTES = 256 << 20;
const MOST_RATIO = 100;

export type EntryKind = 'file' | 'folder' | 'link' | 'other';

/** Checks the entries of one archive while they are read. */
export class Entries {
  readonly #archive: string;
  readonly #size: number;
  readonly #files = new Set<string>();
  readonly #folders = new Set<string>();
  #bytes = 0;

  /**
   * Starts with an empty archive.
   * @param size bytes of the archive itself
   */
  constructor(archive: string, size: number) {
    this.#archive = archive;
    this.#size = size;
  }

  /**
   * The path of an entry with forward slashes; undefined for entries that are not unpacked: folders, and files that
   * systems leave behind.
   * @throws UsageError for an entry that was made to do harm
   */
  take(name: string, kind: EntryKind): string | undefined {
    const path = name.replace(/^(\.\/)+/u, '').replace(kind === 'folder' ? /\/+$/u : /$^/u, '');
    if (kind === 'folder' && (path === '' || path === '.' || nameProblem(path) === undefined)) return undefined;
    const problem = kindProblem(kind) ?? nameProblem(path);
    if (problem !== undefined) throw unsafe(this.#archive, `${shorten(name, 100)} ${problem}`);
    const names = path.split('/');
    if (names.some(isPassedOver)) return undefined;
    const above = names.slice(0, -1).map((_, i) => names.slice(0, i + 1).join('/'));
    if (this.#files.has(path)) throw unsafe(this.#archive, `${shorten(path, 100)} is in it twice`);
    if (this.#folders.has(path) || above.some((folder) => this.#files.has(folder)))
      throw unsafe(this.#archive, `${shorten(path, 100)} is a file and a folder in it`);
    if (this.#files.size >= MOST_FILES) throw unsafe(this.#archive, `it has more than ${MOST_FILES} files`);
    this.#files.add(path);
    for (const folder of above) this.#folders.add(folder);
    return path;
  }

  /**
   * Counts unpacked bytes.
   * @throws UsageError when there are too many for the archive's size
   */
  count(bytes: number): void {
    this.#bytes += bytes;
    const most = Math.max(FREE_BYTES, MOST_RATIO * this.#size);
    if (this.#bytes > most)
      throw unsafe(
        this.#archive,
        `its ${formatBytes(this.#size)} become more than ${formatBytes(most)}, as no pictures do`,
      );
  }

  get bytes(): number {
    return this.#bytes;
  }

  get files(): number {
    return this.#files.size;
  }
}

function kindProblem(kind: EntryKind): string | undefined {
  if (kind === 'link') return 'is a link, and a link could lead anywhere';
  return kind === 'file' ? undefined : 'is no plain file';
}

/** What is wrong with the name of an entry, in words that follow it; undefined when nothing is. */
function nameProblem(path: string): string | undefined {
  if (path === '' || path.endsWith('/')) return 'is no name of a file';
  if (path.startsWith('/') || /^[A-Za-z]:/u.test(path) || path.includes('\\')) return 'is a path of its own';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are to be refused
  if (/[\u0000-\u001f\u007f]/u.test(path)) return 'has control characters in its name';
  const names = path.split('/');
  if (names.some((name) => name === '..' || name === '.' || name === '')) return 'leads out of the archive';
  if (names.length > MOST_DEPTH) return 'lies too deep';
  return names.some((name) => Buffer.byteLength(name) > MOST_NAME) ? 'has too long a name' : undefined;
}

export const unsafe = (archive: string, why: string) =>
  new UsageError(`${archive} is not unpacked: ${why}.`, {
    id: 'dataset/archive-unsafe',
    details: ['Nothing of it was used.'],
    nextSteps: ['If you trust it, unpack it with a program of your own, and name the folder.'],
  });

export const damaged = (archive: string, why: string, cause?: unknown) =>
  new UsageError(`${archive} cannot be unpacked: ${why.replace(/\.$/u, '')}.`, {
    id: 'dataset/archive-damaged',
    details: ['What was unpacked so far is kept, and not used.'],
    nextSteps: ['Fetch or make it again, or unpack it yourself and name the folder.'],
    cause,
  });

/**
 * The error to report: errors of the disk and of the person are passed on; errors of a reader are about the archive.
 */
export function archiveError(error: unknown, archive: string, signal: AbortSignal): unknown {
  const { syscall, message } = error as NodeJS.ErrnoException;
  return error instanceof VisiontrainError || signal.aborted || syscall !== undefined
    ? error
    : damaged(archive, message, error);
}
