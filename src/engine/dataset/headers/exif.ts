/**
 * Reads tags of a TIFF directory, and the orientation (EXIF tag 0x0112, else XMP) as Pillow's `getexif` finds it,
 * because the plan must rotate an image exactly as the trainer does. Pure.
 */
import type { ReadAt } from './header-result.ts';

const ORIENTATION = 0x0112;
const ONLY_ORIENTATION = new Set([ORIENTATION]);

export interface Tag {
  readonly type: number;
  readonly count: number;
  /** The first values as numbers, as many as fit in the entry or were requested. */
  readonly values: readonly number[];
  /** Offset of all values, in bytes from the start; undefined when they are stored in the entry itself. */
  readonly offset: number | undefined;
}

/** Bytes of one value, by type. Pillow ignores other types. */
const UNIT: Readonly<Record<number, number>> = {
  1: 1,
  2: 1,
  3: 2,
  4: 4,
  5: 8,
  6: 1,
  7: 1,
  8: 2,
  9: 4,
  10: 8,
  11: 4,
  12: 8,
  13: 4,
  16: 8,
};
/** Most values of a tag that are read; no tag that matters here has more. */
const MOST_VALUES = 16;
/** Most entries of a directory that are read; a camera writes about fifty. */
const MOST_ENTRIES = 4096;

export interface ExifLayout {
  readonly little: boolean;
  /** True for BigTIFF, which has 64-bit counts and offsets. */
  readonly big: boolean;
  /** Bytes of the data, where known: Pillow ignores values that would need more. */
  readonly size?: number;
}

/** Layout of a TIFF block by its first bytes, in all forms that Pillow accepts; undefined when it is no TIFF block. */
export function tiffLayout(start: Buffer): ExifLayout | undefined {
  const mark = start.toString('latin1', 0, 4);
  if (mark === 'II*\0' || mark === 'II\0*') return { little: true, big: false };
  if (mark === 'MM\0*' || mark === 'MM*\0') return { little: false, big: false };
  return mark === 'II+\0' ? { little: true, big: true } : undefined;
}

/**
 * Reads a directory and keeps the first value of each tag, as Pillow does. When the data ends too early, the tags read
 * so far are used.
 * @param from offset of the directory, in bytes from the start of the data of `readAt`
 * @param wanted tags to keep: a camera writes fifty, of which few matter
 */
export function readDirectory(
  readAt: ReadAt,
  from: number,
  layout: ExifLayout,
  wanted: ReadonlySet<number>,
): ReadonlyMap<number, Tag> {
  const { little, big, size = Number.POSITIVE_INFINITY } = layout;
  const tags = new Map<number, Tag>();
  const number = (block: Buffer, at: number, bytes: number) => unsigned(block, at, bytes, little);
  const head = readAt(from, big ? 8 : 2);
  if (head.length < (big ? 8 : 2)) return tags;
  const width = big ? 20 : 12;
  const inline = big ? 8 : 4;
  const entries = Math.min(number(head, 0, head.length), MOST_ENTRIES);
  const block = Buffer.from(readAt(from + head.length, width * entries));
  let claimed = 0;
  for (let at = 0; at + width <= block.length; at += width) {
    const tag = number(block, at, 2);
    const type = number(block, at + 2, 2);
    const count = number(block, at + 4, inline);
    const unit = UNIT[type];
    if (unit === undefined || tags.has(tag) || count === 0) continue;
    let value = block.subarray(at + width - inline, at + width);
    let offset: number | undefined;
    if (count * unit > inline) {
      offset = number(value, 0, inline);
      claimed += count * unit;
      if (claimed > size) continue;
      // Pillow stops at a value that the file does not hold completely.
      if (offset + count * unit > 2 ** 53 || readAt(offset + count * unit - 1, 1).length === 0) break;
      if (!wanted.has(tag)) continue;
      value = Buffer.from(readAt(offset, unit * Math.min(count, MOST_VALUES)));
    }
    if (!wanted.has(tag)) continue;
    const many = Math.min(count, MOST_VALUES, Math.floor(value.length / unit));
    const values = Array.from({ length: many }, (_, i) => typed(value, i * unit, type, little));
    tags.set(tag, { type, count, values, offset });
  }
  return tags;
}

function unsigned(block: Buffer, at: number, bytes: number, little: boolean): number {
  if (bytes < 8) return little ? block.readUIntLE(at, bytes) : block.readUIntBE(at, bytes);
  return Number(little ? block.readBigUInt64LE(at) : block.readBigUInt64BE(at));
}

function typed(block: Buffer, at: number, type: number, little: boolean): number {
  const signed = (from: number, bytes: number) =>
    little ? block.readIntLE(from, bytes) : block.readIntBE(from, bytes);
  if (type === 8) return signed(at, 2);
  if (type === 9) return signed(at, 4);
  if (type === 10) return signed(at, 4) / signed(at + 4, 4);
  if (type === 5) return unsigned(block, at, 4, little) / unsigned(block, at + 4, 4, little);
  if (type === 11) return little ? block.readFloatLE(at) : block.readFloatBE(at);
  if (type === 12) return little ? block.readDoubleLE(at) : block.readDoubleBE(at);
  return unsigned(block, at, UNIT[type] ?? 1, little);
}

/** Types that Pillow keeps as bytes or text, so that their values never equal a number. */
const NO_NUMBER = new Set([1, 2, 7]);

/** Orientation in these tags; undefined when they have none, 1 when the value makes no sense. */
export function orientationOf(tags: ReadonlyMap<number, Tag>): number | undefined {
  const tag = tags.get(ORIENTATION);
  if (tag === undefined) return undefined;
  return tag.count === 1 && !NO_NUMBER.has(tag.type) ? valid(tag.values[0] ?? 1) : 1;
}

/** Marks that precede the TIFF block in a JPEG, sometimes twice. */
const PREFIX = Buffer.from('Exif\0\0', 'latin1');

/**
 * Orientation 1 to 8 in the EXIF data of an image; undefined when EXIF has none and XMP decides. Data that Pillow
 * cannot read counts as upright.
 */
export function exifOrientation(exif: Buffer): number | undefined {
  let block = exif;
  for (let i = 0; i < 2 && block.subarray(0, 6).equals(PREFIX); i += 1) block = block.subarray(6);
  if (block.length === 0) return undefined;
  const layout = tiffLayout(block);
  if (layout === undefined || layout.big || block.length < 8) return 1;
  const readAt: ReadAt = (from, length) => block.subarray(from, from + length);
  const sized = { ...layout, size: block.length };
  return orientationOf(readDirectory(readAt, unsigned(block, 4, 4, layout.little), sized, ONLY_ORIENTATION));
}

/** Orientation in XMP, which Pillow uses when EXIF has none. */
export function xmpOrientation(xmp: string): number {
  return valid(Number(/tiff:Orientation(?:="|>)([0-9])/u.exec(xmp)?.[1] ?? 1));
}

const valid = (orientation: number) =>
  Number.isInteger(orientation) && orientation >= 1 && orientation <= 8 ? orientation : 1;
