/**
 * Reads all bytes of every picture once: computes its SHA-256, checks that it is whole, and finds pictures that are the
 * same. The results are remembered by size and time.
 */
import { readFileSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import pMap from 'p-map';
import { writeFileAtomic } from '../../base/files/atomic.ts';
import { type FileStamp, isSameStamp, sha256OfOpen, sha256OfText, stampOf } from '../../base/files/hash.ts';
import { makePrivateFolder } from '../../base/files/private-folder.ts';
import { openGivenLater } from '../../base/files/regular-file.ts';
import { byCodePoint, formatBytes } from '../../base/text.ts';
import { damageCheck } from './headers/damage.ts';
import type { Format } from './headers/header-result.ts';
import { openProblem } from './open.ts';
import { imageFolders } from './scan.ts';
import { noImages } from './scan-errors.ts';
import type { ImageFile, LeftOut, Scan } from './types.ts';

export interface HashedImage extends ImageFile {
  readonly sha256: string;
}

/** A scan whose pictures are known to be whole and different from each other. */
export interface HashedScan extends Omit<Scan, 'images'> {
  readonly images: readonly HashedImage[];
}

export interface HashOptions {
  /** Folder where hashes are remembered; null to remember none. */
  readonly cacheDir: string | null;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

interface Remembered extends FileStamp {
  readonly sha256: string;
  /** What is wrong inside the file, in words that follow its name; null for a sound image. */
  readonly problem: string | null;
  /**
   * Width and height in pixels when they differ from the header's, because metadata behind the pixels turns the image.
   */
  readonly size: readonly [number, number] | null;
}

const CACHE_VERSION = 2;
/**
 * Most bytes of a file that is read. Even an uncompressed image of the largest safe size is smaller; a sparse file can
 * have terabytes.
 */
const MOST_BYTES = 2 ** 31;
/** Number of files that are read at once: disks like a few, and more only take memory. */
const AT_ONCE = 4;

/** Hashes all pictures of a scan. @throws {UsageError} when no picture is left */
export async function hashImages(scan: Scan, { cacheDir, signal, onProgress }: HashOptions): Promise<HashedScan> {
  const cache = cacheDir === null ? undefined : cacheFile(cacheDir, scan.root);
  const before = cache === undefined ? new Map<string, Remembered>() : readCache(cache);
  const facts = new Map<string, Remembered | string>();
  const look = async (image: ImageFile) => {
    signal?.throwIfAborted();
    facts.set(image.path, await examine(scan.root, image, before.get(image.path)));
    onProgress?.(facts.size, scan.images.length);
  };
  await pMap(scan.images, look, { concurrency: AT_ONCE });
  if (cache !== undefined) writeCache(cache, facts);
  return withFacts(scan, facts);
}

function withFacts(scan: Scan, facts: ReadonlyMap<string, Remembered | string>): HashedScan {
  const leftOut: LeftOut[] = [...scan.leftOut];
  const sound: HashedImage[] = [];
  for (const image of scan.images) {
    const { path } = image;
    const known = facts.get(path) ?? 'is gone';
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
  // A folder whose images are all in sources of their own has none to begin with.
  if (images.length === 0 && (scan.images.length > 0 || leftOut.length > 0))
    throw noImages(scan.root, { ...scan, images, leftOut });
  return { ...scan, images, leftOut, folders: imageFolders(images) };
}

/** The pictures that are kept, by SHA-256: among identical ones the first that has a caption, else the first. */
function oneOfEach(images: readonly HashedImage[]): ReadonlyMap<string, HashedImage> {
  const kept = new Map<string, HashedImage>();
  for (const image of images) {
    const before = kept.get(image.sha256);
    if (before === undefined || (before.caption === null && image.caption !== null)) kept.set(image.sha256, image);
  }
  return kept;
}

/** @param known what is remembered of this path @returns what is true now, or why the file cannot be read */
async function examine(root: string, { path, format }: ImageFile, known?: Remembered): Promise<Remembered | string> {
  try {
    const file = await openGivenLater(join(root, path));
    try {
      const stamp = stampOf(await file.stat());
      const { bytes } = stamp;
      if (known !== undefined && isSameStamp(known, stamp)) return known;
      if (bytes > MOST_BYTES) return `has ${formatBytes(bytes)}, more than an image can need`;
      return { ...stamp, ...(await digest(file, format, bytes)) };
    } finally {
      await file.close();
    }
  } catch (error) {
    return openProblem(path, error);
  }
}

async function digest(file: FileHandle, format: Format, bytes: number) {
  const damage = damageCheck(format);
  // No more than the size at the start is read: a file that grows meanwhile must not be read for ever.
  const sha256 = await sha256OfOpen(file, { most: bytes, onPart: (part) => damage.push(part) });
  return { sha256, problem: damage.problem() ?? null, size: damage.size ?? null };
}

function cacheFile(cacheDir: string, root: string): string {
  return join(cacheDir, 'pictures', `${sha256OfText(root).slice(0, 32)}.json`);
}

/** A cache that cannot be read counts as empty and is written anew. */
function readCache(path: string): Map<string, Remembered> {
  try {
    const { version, entries } = JSON.parse(readFileSync(path, 'utf8')) as { version: unknown; entries: unknown };
    if (version !== CACHE_VERSION || !Array.isArray(entries)) return new Map();
    return new Map(entries as [string, Remembered][]);
  } catch {
    return new Map();
  }
}

/** Writes the cache. If it cannot be written, only the next look takes longer. */
function writeCache(path: string, facts: ReadonlyMap<string, Remembered | string>): void {
  const entries = [...facts].filter(([, known]) => typeof known !== 'string').sort(([a], [b]) => byCodePoint(a, b));
  try {
    makePrivateFolder(dirname(path));
    writeFileAtomic(path, JSON.stringify({ version: CACHE_VERSION, entries }));
  } catch {}
}
