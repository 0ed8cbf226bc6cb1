/**
 * Reads all bytes of every image once: computes its SHA-256, checks that it is whole, and finds images that are equal.
 * The results are remembered by size and time.
 */
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import pMap from 'p-map';
import { sha256OfOpen } from '../../base/files/hash.ts';
import { openGivenLater } from '../../base/files/regular-file.ts';
import { statOf } from '../../base/files/stat.ts';
import { byCodePoint, formatBytes } from '../../base/text.ts';
import { damageCheck } from './headers/damage.ts';
import type { Format } from './headers/header-result.ts';
import { HashTable } from './known/hash-table.ts';
import { KnownFiles } from './known/known-files.ts';
import { openProblem } from './open.ts';
import { imageFolders } from './scan.ts';
import { noImages } from './scan-errors.ts';
import type { ImageFile, LeftOut, Scan } from './types.ts';

export interface HashedImage extends ImageFile {
  readonly sha256: string;
}

/** A scan whose images are known to be whole and different from each other. */
export interface HashedScan extends Omit<Scan, 'images'> {
  readonly images: readonly HashedImage[];
}

export interface HashOptions {
  /** Folder where hashes are remembered; null to remember none. */
  readonly cacheDir: string | null;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

interface Found {
  readonly sha256: string;
  /** What is wrong inside the file, in words that follow its name; null for a sound image. */
  readonly problem: string | null;
  /**
   * Width and height in pixels when they differ from the header's, because metadata behind the pixels turns the image.
   */
  readonly size: readonly [number, number] | null;
}

/** Must be raised when the same bytes would give another hash, problem or size. */
const VERSION = 1;
/**
 * Most bytes of a file that is read. Even an uncompressed image of the largest safe size is smaller; a sparse file can
 * have terabytes.
 */
const MOST_BYTES = 2 ** 31;
/** Number of files that are read at the same time: a few speed up a disk, more only take memory. */
const AT_ONCE = 4;

/**
 * Hashes all images of a scan. They become the hashed images themselves, since a second object for each of a million
 * would take 80 MB.
 * @throws {UsageError} when no image is left
 */
export async function hashImages(scan: Scan, options: HashOptions): Promise<HashedScan> {
  return withFacts(scan, await factsOf(scan, options));
}

/** The facts about the images of a scan, by their number. Most are sound, and of those only the hash is kept. */
class Facts {
  /** SHA-256; the empty text of an image that cannot be read or is not sound. */
  readonly sha256: string[];
  readonly problems = new Map<number, string>();
  readonly sizes = new Map<number, readonly [number, number]>();

  constructor(count: number) {
    this.sha256 = new Array<string>(count).fill('');
  }

  set(i: number, found: Found | string): void {
    const problem = typeof found === 'string' ? found : found.problem;
    if (problem !== null) this.problems.set(i, problem);
    else if (typeof found !== 'string') {
      this.sha256[i] = found.sha256;
      if (found.size !== null) this.sizes.set(i, found.size);
    }
  }
}

async function factsOf({ root, images }: Scan, { cacheDir, signal, onProgress }: HashOptions): Promise<Facts> {
  const known = new KnownFiles({ cacheDir, root, kind: 'hashes', version: VERSION });
  const facts = new Facts(images.length);
  const unknown: number[] = [];
  let isWhole = false;
  try {
    for (const [i, { path }] of images.entries()) {
      const remembered = recall(known, root, path);
      if (remembered === undefined) unknown.push(i);
      else facts.set(i, remembered);
      if (i % SLICE === 0) {
        signal?.throwIfAborted();
        await new Promise(setImmediate);
      }
    }
    let done = images.length - unknown.length;
    const look = async (i: number) => {
      signal?.throwIfAborted();
      const image = images[i];
      if (image !== undefined) facts.set(i, await examine(known, root, image));
      done += 1;
      onProgress?.(done, images.length);
    };
    await pMap(unknown, look, { concurrency: AT_ONCE });
    isWhole = true;
  } finally {
    known.end(isWhole);
  }
  return facts;
}

/** The remembered facts about an image, found by its stat alone. */
function recall(known: KnownFiles, root: string, path: string): Found | undefined {
  const stats = statOf(`${root}/${path}`);
  const fact = stats?.isFile() === true ? known.find(path, stats) : undefined;
  if (fact === undefined) return undefined;
  const [hasSize, width, height] = fact.numbers;
  return {
    sha256: fact.text.slice(0, SHA256_DIGITS),
    problem: fact.text.length > SHA256_DIGITS ? fact.text.slice(SHA256_DIGITS) : null,
    size: hasSize === 1 ? [width, height] : null,
  };
}

const SHA256_DIGITS = 64;
/** Images that are looked up between two turns of the event loop, so that a screen stays alive. */
const SLICE = 500;

function withFacts(scan: Scan, { sha256, problems, sizes }: Facts): HashedScan {
  const leftOut: LeftOut[] = [...scan.leftOut];
  const keptOf = oneOfEach(scan.images, sha256);
  const images: HashedImage[] = [];
  for (const [i, image] of scan.images.entries()) {
    const { path } = image;
    const problem = problems.get(i);
    const kept = keptOf(i);
    if (problem !== undefined) leftOut.push({ path, reason: 'unreadable', problem });
    else if (kept === i) {
      const size = sizes.get(i);
      images.push(Object.assign(image, { sha256: sha256[i] ?? '' }, size === undefined ? {} : { size }));
    } else
      leftOut.push({ path, reason: 'duplicate', problem: `is the same picture as ${scan.images[kept]?.path ?? ''}` });
  }
  leftOut.sort((a, b) => byCodePoint(a.path, b.path));
  // A folder whose images all belong to sources of their own starts with none.
  if (images.length === 0 && (scan.images.length > 0 || leftOut.length > 0))
    throw noImages(scan.root, { ...scan, images, leftOut });
  return { ...scan, images, leftOut, folders: imageFolders(images) };
}

/**
 * Finds the image that is kept of those with equal bytes: the first that has a caption, else the first.
 * @param sha256 for each image; empty for one that takes no part
 * @returns the number of the kept image, for the number of an image
 */
function oneOfEach(images: readonly ImageFile[], sha256: readonly string[]): (index: number) => number {
  const table = new HashTable(images.length);
  /** For each image the first with its bytes, and for such a first one the image that is kept. */
  const first = new Uint32Array(images.length);
  const kept = new Uint32Array(images.length);
  for (const [i, digits] of sha256.entries()) {
    if (digits === '') continue;
    const hash = Number.parseInt(digits.slice(0, 8), 16);
    const before = firstEqual(table.withHash(hash), digits, sha256);
    first[i] = before ?? i;
    if (before === undefined) {
      table.add(i, hash);
      kept[i] = i;
    } else if (images[kept[before] ?? 0]?.caption === null && images[i]?.caption !== null) kept[before] = i;
  }
  return (index) => kept[first[index] ?? 0] ?? 0;
}

function firstEqual(candidates: Iterable<number>, digits: string, sha256: readonly string[]): number | undefined {
  for (const index of candidates) if (sha256[index] === digits) return index;
  return undefined;
}

/**
 * Reads an image.
 * @returns the facts, which are remembered, or why the file cannot be read
 */
async function examine(known: KnownFiles, root: string, { path, format }: ImageFile): Promise<Found | string> {
  try {
    const file = await openGivenLater(join(root, path));
    try {
      const stats = await file.stat();
      if (stats.size > MOST_BYTES) return `has ${formatBytes(stats.size)}, more than an image can need`;
      const found = await digest(file, format, stats.size);
      const [width, height] = found.size ?? [0, 0];
      known.keep(path, stats, {
        numbers: [found.size === null ? 0 : 1, width, height, 0],
        text: found.sha256 + (found.problem ?? ''),
      });
      return found;
    } finally {
      await file.close();
    }
  } catch (error) {
    return openProblem(path, error);
  }
}

async function digest(file: FileHandle, format: Format, bytes: number): Promise<Found> {
  const damage = damageCheck(format);
  // No more than the size at the start is read: a file that grows meanwhile must not be read for ever.
  const sha256 = await sha256OfOpen(file, { most: bytes, onPart: (part) => damage.push(part) });
  return { sha256, problem: damage.problem() ?? null, size: damage.size ?? null };
}
