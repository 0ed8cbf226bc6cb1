/** How a remembered fact about a file is stored on disk: a record of fixed length, then a text. Pure. */
import type { Stats } from 'node:fs';

/** A remembered fact: four whole numbers and a text, to which the caller gives their meaning. */
export interface Fact {
  readonly numbers: readonly [number, number, number, number];
  readonly text: string;
}

/** Bytes of a record before its text. */
export const RECORD = 64;
/** Most bytes of a text. The longest is a caption of 64 KiB in UTF-8 with its remark. */
export const MOST_FACT_TEXT = 1 << 20;

const HASH = 0;
const TEXT = 4;
const STAMP = 8;
const NUMBERS = 48;

/** FNV-1a of a path over its UTF-16 code units. It finds candidate records; the stamp decides between them. */
export function hashOfPath(path: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < path.length; i += 1) hash = Math.imul(hash ^ path.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

export function writeRecord(hash: number, stats: Stats, { numbers, text }: Fact): Buffer {
  const bytes = Buffer.byteLength(text);
  const record = Buffer.allocUnsafe(RECORD + bytes);
  record.writeUInt32LE(hash, HASH);
  record.writeUInt32LE(bytes, TEXT);
  stampNumbers(stats).forEach((value, i) => {
    record.writeDoubleLE(value, STAMP + 8 * i);
  });
  numbers.forEach((value, i) => {
    record.writeUInt32LE(value, NUMBERS + 4 * i);
  });
  record.write(text, RECORD);
  return record;
}

/**
 * The numbers that identify a file and its state. Times are milliseconds with fractions: 64 bits hold them to a
 * quarter of a microsecond, finer than the clock with which file systems write them.
 */
const stampNumbers = ({ dev, ino, size, mtimeMs, ctimeMs }: Stats) => [dev, ino, size, mtimeMs, ctimeMs];

export const recordHash = (record: Buffer): number => record.readUInt32LE(HASH);
export const recordText = (record: Buffer): number => record.readUInt32LE(TEXT);

export function isRecordOf(record: Buffer, { dev, ino, size, mtimeMs, ctimeMs }: Stats): boolean {
  return (
    record.readDoubleLE(STAMP + 8) === ino &&
    record.readDoubleLE(STAMP + 32) === ctimeMs &&
    record.readDoubleLE(STAMP + 24) === mtimeMs &&
    record.readDoubleLE(STAMP + 16) === size &&
    record.readDoubleLE(STAMP) === dev
  );
}

/**
 * The fact in a record.
 * @param record with its text
 */
export const factOf = (record: Buffer): Fact => ({
  numbers: [
    record.readUInt32LE(NUMBERS),
    record.readUInt32LE(NUMBERS + 4),
    record.readUInt32LE(NUMBERS + 8),
    record.readUInt32LE(NUMBERS + 12),
  ],
  text: record.toString('utf8', RECORD, RECORD + recordText(record)),
});

/**
 * Milliseconds after a change within which another change may get the same time, on disks with fine times: a few ticks
 * of the kernel.
 */
const TICK_MS = 50;
/** As TICK_MS, for disks that keep whole seconds (FAT: two seconds). */
const COARSE_TICK_MS = 2500;

/**
 * Whether a fact that is read now may be remembered under this stamp. A file that changed a moment ago may change once
 * more within the same tick of the disk's clock, and the second change would leave the stamp as it is.
 */
export function isSettled({ ctimeMs }: Stats, now: number): boolean {
  return now - ctimeMs > (ctimeMs % 1000 === 0 ? COARSE_TICK_MS : TICK_MS);
}
