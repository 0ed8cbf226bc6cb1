/**
 * SHA-256 of files and texts, and the stamp by which an unchanged file is recognised without reading it.
 * Hashes are remembered in three places, because their sizes differ: `registry/fetch/reuse.ts` keeps a few dozen
 * models in one JSON file; `engine/dataset/known` keeps a record for each image of a data set, read one at a time; the
 * trainer (`model/weights.py`) keeps the hash of a list of tensors, which is not the hash of a file.
 */
import { createHash } from 'node:crypto';
import type { Stats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { openGivenLater } from './regular-file.ts';

const BLOCK = 1 << 22;

/** Facts about a file that change when its content does. A remembered hash is valid while they stay the same. */
export interface FileStamp {
  readonly bytes: number;
  /** Times of the last change of its content and of its entry, in milliseconds since 1970. */
  readonly modified: number;
  readonly changed: number;
}

export const stampOf = ({ size, mtimeMs, ctimeMs }: Stats): FileStamp => ({
  bytes: size,
  modified: mtimeMs,
  changed: ctimeMs,
});

export const isSameStamp = (a: FileStamp, b: FileStamp): boolean =>
  a.bytes === b.bytes && a.modified === b.modified && a.changed === b.changed;

/** SHA-256 of a text, in hexadecimal digits. */
export const sha256OfText = (text: string): string => createHash('sha256').update(text).digest('hex');

/** SHA-256 of bytes in memory, in hexadecimal digits. */
export const sha256OfBytes = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/**
 * The source that a Content-Security-Policy needs in order to allow an inline script or style of exactly this text.
 */
export const policyHash = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

export interface HashReading {
  /** Most bytes that are read, so that a file that grows meanwhile is not read for ever. */
  readonly most?: number;
  /** Called with each block. The buffer is used again for the next block. */
  readonly onPart?: (part: Buffer) => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * SHA-256 of an open file from its current position to its end, as hexadecimal digits; stops when the signal fires.
 */
export async function sha256OfOpen(file: FileHandle, reading: HashReading = {}): Promise<string> {
  const { most = Number.POSITIVE_INFINITY, onPart, signal } = reading;
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(Math.min(BLOCK, Math.max(1, most)));
  for (let left = most; left > 0; ) {
    signal?.throwIfAborted();
    const { bytesRead } = await file.read(buffer, 0, Math.min(left, buffer.length), null);
    if (bytesRead === 0) break;
    const part = buffer.subarray(0, bytesRead);
    hash.update(part);
    onPart?.(part);
    left -= bytesRead;
  }
  return hash.digest('hex');
}

/**
 * SHA-256 of a file that a person named, links followed. `onBytes` is called after each block; reading stops when the
 * signal fires.
 */
export async function sha256OfFile(
  path: string,
  onBytes: (bytes: number) => void = () => undefined,
  signal?: AbortSignal,
): Promise<string> {
  const file = await openGivenLater(path);
  try {
    return await sha256OfOpen(file, { onPart: ({ length }) => onBytes(length), signal });
  } finally {
    await file.close();
  }
}
