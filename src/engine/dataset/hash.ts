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
 * Hashes all images of a scan.
 * @throws {UsageError} when no image is left
 */
export async function hashImages(scan: Scan, { cacheDir, signal, onProgress }: HashOptions): Promise<HashedScan> {
  const known = new KnownFiles({ cacheDir, root: scan.root, kind: 'hashes', version: VERSION });
  const facts: (Found | string)[] = [];
  const unknown: number[] = [];
  let isWhole = false;
  try {
    for (const [i, { path }] of scan.images.entries()) {
      const remembered = recall(known, scan.root, path);
      facts.push(remembered ?? 'is gone');
      if (remembered === undefined) unknown.push(i);
      if (i % SLICE === 0) {
        signal?.throwIfAborted();
        await new Promise(setImmediate);
      }
    }
    let done = scan.images.length - unknown.length;
    const look = async (i: number) => {
      signal?.throwIfAborted();
      const image = scan.images[i];
      if (image !== undefined) facts[i] = await examine(known, scan.root, image);
      done += 1;
      onProgress?.(done, scan.images.length);
    };
    await pMap(unknown, look, { concurrency: AT_ONCE });
    isWhole = true;
  } finally {
    known.end(isWhole);
  }
  return withFacts(scan, facts);
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

function withFacts(scan: Scan, facts: readonly (Found | string)[]): HashedScan {
  const leftOut: LeftOut[] = [...scan.leftOut];
  const sound: HashedImage[] = [];
  for (const [i, image] of scan.images.entries()) {
    const { path } = image;
    const known = facts[i] ?? 'is gone';
    const problem = typeof known === 'string' ? known : known.problem;
    if (problem !== null) leftOut.push({ path, reason: 'unreadable', problem });
    else if (typeof known !== 'string') sound.push({ ...image, size: known.size ?? image.size, sha256: known.sha256 });
  }
  const kept = oneOfEach(sound);
  const images = sound.filter((image) => kept.get(image.sha256) === image);
  for (const image of sound) {
    const same = kept.get(image.sha256);
    if (same !== undefined && same !== image)
      leftOut.push({ path: image.path, reason: 'duplicate', problem: `is the same picture as ${same.path}` });
  }
  leftOut.sort((a, b) => byCodePoint(a.path, b.path));
  // A folder whose images all belong to sources of their own starts with none.
  if (images.length === 0 && (scan.images.length > 0 || leftOut.length > 0))
    throw noImages(scan.root, { ...scan, images, leftOut });
  return { ...scan, images, leftOut, folders: imageFolders(images) };
}

/** The images that are kept, by SHA-256: among identical ones the first that has a caption, else the first. */
function oneOfEach(images: readonly HashedImage[]): ReadonlyMap<string, HashedImage> {
  const kept = new Map<string, HashedImage>();
  for (const image of images) {
    const before = kept.get(image.sha256);
    if (before === undefined || (before.caption === null && image.caption !== null)) kept.set(image.sha256, image);
  }
  return kept;
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
