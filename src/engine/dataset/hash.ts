/** SHA-256 of every picture, whether each is whole, and which are the same: reads all bytes once, remembers by size and time. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type FileHandle, open, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { writeFileAtomic } from '../atomic.ts';
import { makePrivateFolder } from '../private-folder.ts';
import type { Format } from './picture-header.ts';
import { type LeftOut, type Picture, pictureFolders, type Scan } from './scan.ts';
import { noPictures } from './scan-errors.ts';
import { byCodePoint } from './walk.ts';

export interface HashedPicture extends Picture {
  readonly sha256: string;
}

/** A scan whose pictures are known to be whole and different from each other. */
export interface HashedScan extends Omit<Scan, 'pictures'> {
  readonly pictures: readonly HashedPicture[];
}

export interface HashOptions {
  /** Where hashes are remembered; null: nowhere. */
  readonly cacheDir: string | null;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

interface Remembered {
  readonly bytes: number;
  readonly modified: number;
  readonly changed: number;
  readonly sha256: string;
  readonly whole: boolean;
}

const CACHE_VERSION = 1;
/** Disks want a few reads under way; more only take memory. */
const AT_ONCE = 4;

/** @throws {UsageError} when no picture is left. */
export async function hashPictures(scan: Scan, { cacheDir, signal, onProgress }: HashOptions): Promise<HashedScan> {
  const cache = cacheDir === null ? undefined : cacheFile(cacheDir, scan.root);
  const before = cache === undefined ? new Map<string, Remembered>() : readCache(cache);
  const facts = new Map<string, Remembered | string>();
  const queue = scan.pictures.values();
  let done = 0;
  const worker = async () => {
    for (const picture of queue) {
      signal?.throwIfAborted();
      facts.set(picture.path, await examine(scan.root, picture, before.get(picture.path)));
      done += 1;
      onProgress?.(done, scan.pictures.length);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  if (cache !== undefined) writeCache(cache, facts);
  return withFacts(scan, facts);
}

function withFacts(scan: Scan, facts: ReadonlyMap<string, Remembered | string>): HashedScan {
  const pictures: HashedPicture[] = [];
  const leftOut: LeftOut[] = [...scan.leftOut];
  const first = new Map<string, string>();
  for (const picture of scan.pictures) {
    const { path } = picture;
    const known = facts.get(path) ?? 'is gone';
    if (typeof known === 'string') leftOut.push({ path, reason: 'unreadable', problem: known });
    else if (!known.whole) leftOut.push({ path, reason: 'unreadable', problem: 'is cut short and cannot be read' });
    else {
      const same = first.get(known.sha256);
      if (same === undefined) {
        first.set(known.sha256, path);
        pictures.push({ ...picture, sha256: known.sha256 });
      } else leftOut.push({ path, reason: 'duplicate', problem: `is the same picture as ${same}` });
    }
  }
  leftOut.sort((a, b) => byCodePoint(a.path, b.path));
  if (pictures.length === 0) throw noPictures(scan.root, { ...scan, pictures, leftOut });
  return { ...scan, pictures, leftOut, folders: pictureFolders(pictures) };
}

/** @param known what is remembered of this path; @returns what is true now, or why it cannot be read. */
async function examine(root: string, { path, format }: Picture, known?: Remembered): Promise<Remembered | string> {
  try {
    const file = await open(join(root, path), 'r');
    try {
      const { size: bytes, mtimeMs: modified, ctimeMs: changed } = await file.stat();
      if (known?.bytes === bytes && known.modified === modified && known.changed === changed) return known;
      const { sha256, start, tail } = await digest(file, bytes);
      const rest = async () => bytes > TAIL && endsIn(format, await readFile(join(root, path)));
      const whole = format === 'webp' ? start.readUInt32LE(4) + 8 <= bytes : endsIn(format, tail) || (await rest());
      return { bytes, modified, changed, sha256, whole };
    } finally {
      await file.close();
    }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' ? 'is gone' : `cannot be read: ${message}`;
  }
}

async function digest(file: FileHandle, bytes: number) {
  const hash = createHash('sha256');
  const chunk = Buffer.alloc(Math.min(1 << 20, Math.max(1, bytes)));
  let start: Buffer | undefined;
  let tail: Buffer = Buffer.alloc(0);
  for (;;) {
    const { bytesRead } = await file.read(chunk, 0, chunk.length);
    if (bytesRead === 0) break;
    const part = chunk.subarray(0, bytesRead);
    hash.update(part);
    start ??= Buffer.from(part.subarray(0, 16));
    tail = Buffer.concat([tail, part.subarray(-TAIL)]).subarray(-TAIL);
  }
  return { sha256: hash.digest('hex'), start: start ?? Buffer.alloc(16), tail };
}

const TAIL = 65_536;

/**
 * Whether the end mark is there. It may stand before the end: phones put films behind a JPEG. Inside a JPEG's pixels the
 * mark cannot occur (0xFF is followed by 0x00 there). WebP says its length in its header instead.
 */
function endsIn(format: Format, bytes: Buffer): boolean {
  if (format === 'jpeg') return bytes.lastIndexOf(Buffer.from([0xff, 0xd9])) >= 0;
  if (format === 'png') return bytes.lastIndexOf('IEND', undefined, 'latin1') >= 0;
  if (format === 'gif') return bytes.lastIndexOf(0x3b) >= 0;
  return true;
}

function cacheFile(cacheDir: string, root: string): string {
  return join(cacheDir, 'pictures', `${createHash('sha256').update(root).digest('hex').slice(0, 32)}.json`);
}

/** A cache that cannot be read is no cache; it is written anew. */
function readCache(path: string): Map<string, Remembered> {
  try {
    const { version, entries } = JSON.parse(readFileSync(path, 'utf8')) as { version: unknown; entries: unknown };
    if (version !== CACHE_VERSION || !Array.isArray(entries)) return new Map();
    return new Map(entries as [string, Remembered][]);
  } catch {
    return new Map();
  }
}

/** A place that takes no file costs time at the next look, and nothing else. */
function writeCache(path: string, facts: ReadonlyMap<string, Remembered | string>): void {
  const entries = [...facts].filter(([, known]) => typeof known !== 'string').sort(([a], [b]) => byCodePoint(a, b));
  try {
    makePrivateFolder(dirname(path));
    writeFileAtomic(path, JSON.stringify({ version: CACHE_VERSION, entries }));
  } catch {}
}
