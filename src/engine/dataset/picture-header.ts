/**
 * Size, rotation and format of a picture from its header bytes alone. Own code and not the image-size package, because
 * the size must be what the trainer's Pillow sees after `exif_transpose`: see docs/decisions/0011-picture-headers.md.
 */
import { byteOrder, exifOrientation, xmpOrientation } from './exif.ts';

export const formats = ['jpeg', 'png', 'webp', 'gif', 'bmp', 'tiff'] as const;
export type Format = (typeof formats)[number];

export interface PictureHeader {
  readonly format: Format;
  /** Pixels after EXIF rotation. */
  readonly width: number;
  readonly height: number;
}

/** `problem` follows the file's name: "is cut short". */
export type HeaderResult = PictureHeader | { readonly problem: string };

/** Bytes `from` to `from + length` of the file, fewer at its end. The result is only valid until the next call. */
export type ReadAt = (from: number, length: number) => Buffer;

/** How much is read at first: enough for most headers in one call. */
export const FIRST_BYTES = 4096;

const CUT = { problem: 'is cut short and cannot be read' } as const;
const DAMAGED = { problem: 'is damaged and cannot be read' } as const;

/** Never throws for anything in the file. Whether its pixels are all there is not looked at: `hashPictures` does. */
export function readHeader(readAt: ReadAt): HeaderResult {
  const start = readAt(0, FIRST_BYTES);
  if (start.length === 0) return { problem: 'is empty (0 bytes)' };
  try {
    const header = byContent(start, readAt);
    if ('problem' in header) return header;
    return header.width > 0 && header.height > 0 ? header : DAMAGED;
  } catch (error) {
    // Buffer reads past the end throw RangeError: the header ends before it should.
    if (error instanceof RangeError) return CUT;
    throw error;
  }
}

function byContent(b: Buffer, readAt: ReadAt): HeaderResult {
  if (b[0] === 0xff && b[1] === 0xd8) return jpeg(readAt);
  if (b[0] === 0x89 && b.toString('latin1', 0, 8) === '\x89PNG\r\n\x1a\n') return png(b, readAt);
  const mark = b.toString('latin1', 0, 4);
  if (mark === 'RIFF' && b.toString('latin1', 8, 12) === 'WEBP') return webp(b, readAt);
  if (mark === 'GIF8') return { format: 'gif', width: b.readUInt16LE(6), height: b.readUInt16LE(8) };
  if (mark.startsWith('BM')) return bmp(b);
  if (mark === 'II*\0' || mark === 'MM\0*') return tiff(b, readAt);
  if (b.toString('latin1', 4, 8) === 'ftyp') {
    const brand = b.toString('latin1', 8, 12);
    return {
      problem: `is ${brand.startsWith('avi') ? 'AVIF' : 'HEIC'} inside, which cannot be read: convert it to PNG`,
    };
  }
  if (/^\s*(<!doctype|<html|<svg|<\?xml)/iu.test(b.toString('latin1', 0, 64)))
    return { problem: 'is a web page or SVG, not a picture of pixels' };
  return { problem: 'is not a picture we can read (its content is something else)' };
}

function rotated(format: Format, width: number, height: number, orientation: number): PictureHeader {
  return orientation >= 5 ? { format, width: height, height: width } : { format, width, height };
}

/** Walks the segments: EXIF, colour profiles and thumbnails before the frame header can take megabytes. */
function jpeg(readAt: ReadAt): HeaderResult {
  let orientation: number | undefined;
  let fromXmp = 1;
  for (let at = 2; ; ) {
    const head = readAt(at, 10);
    if (head.length < 4) return CUT;
    if (head[0] !== 0xff) return DAMAGED;
    const marker = head[1] ?? 0;
    // Fill bytes, and markers without a length.
    if (marker === 0xff) {
      at += 1;
      continue;
    }
    if (marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8)) {
      at += 2;
      continue;
    }
    if (marker === 0xd9 || marker === 0xda) return DAMAGED;
    const length = head.readUInt16BE(2);
    if (length < 2) return DAMAGED;
    if (marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc)
      return rotated('jpeg', head.readUInt16BE(7), head.readUInt16BE(5), orientation ?? fromXmp);
    if (marker === 0xe1) {
      const segment = readAt(at + 4, length - 2);
      const name = segment.toString('latin1', 0, 29);
      if (name.startsWith('Exif\0\0')) orientation ??= knownOrientation(segment.subarray(6));
      else if (name === 'http://ns.adobe.com/xap/1.0/\0') fromXmp = xmpOrientation(segment.toString('latin1'));
    }
    at += 2 + length;
  }
}

/** undefined leaves the word to XMP. */
function knownOrientation(block: Buffer): number | undefined {
  try {
    return exifOrientation(block);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function png(b: Buffer, readAt: ReadAt): HeaderResult {
  if (b.toString('latin1', 12, 16) !== 'IHDR') return DAMAGED;
  const width = b.readUInt32BE(16);
  const height = b.readUInt32BE(20);
  // eXIf stands before the pixels; 100 chunks bound a hostile file.
  for (let at = 33, chunks = 0; chunks < 100; chunks += 1) {
    const head = readAt(at, 8);
    if (head.length < 8) break;
    const length = head.readUInt32BE(0);
    const kind = head.toString('latin1', 4, 8);
    if (kind === 'IDAT' || kind === 'IEND') break;
    if (kind === 'eXIf')
      return rotated('png', width, height, knownOrientation(readAt(at + 8, Math.min(length, 65_536))) ?? 1);
    at += 12 + length;
  }
  return { format: 'png', width, height };
}

function webp(b: Buffer, readAt: ReadAt): HeaderResult {
  const kind = b.toString('latin1', 12, 16);
  if (kind === 'VP8 ') {
    if (b.readUIntBE(23, 3) !== 0x9d012a) return DAMAGED;
    return { format: 'webp', width: b.readUInt16LE(26) & 0x3fff, height: b.readUInt16LE(28) & 0x3fff };
  }
  if (kind === 'VP8L') {
    if (b[20] !== 0x2f) return DAMAGED;
    const bits = b.readUInt32LE(21);
    return { format: 'webp', width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
  }
  if (kind !== 'VP8X') return DAMAGED;
  const width = b.readUIntLE(24, 3) + 1;
  const height = b.readUIntLE(27, 3) + 1;
  const hasExif = (b.readUInt8(20) & 0x08) !== 0;
  return rotated('webp', width, height, hasExif ? webpOrientation(readAt) : 1);
}

/** The EXIF chunk stands behind the pixels. */
function webpOrientation(readAt: ReadAt): number {
  for (let at = 12, chunks = 0; chunks < 10_000; chunks += 1) {
    const head = readAt(at, 8);
    if (head.length < 8) break;
    const length = head.readUInt32LE(4);
    if (head.toString('latin1', 0, 4) === 'EXIF') {
      const block = readAt(at + 8, Math.min(length, 65_536));
      const skip = block.toString('latin1', 0, 6) === 'Exif\0\0' ? 6 : 0;
      return knownOrientation(block.subarray(skip)) ?? 1;
    }
    at += 8 + length + (length & 1);
  }
  return 1;
}

function bmp(b: Buffer): HeaderResult {
  // The oldest header has 16-bit sizes; a negative height means rows from the top.
  if (b.readUInt32LE(14) === 12) return { format: 'bmp', width: b.readUInt16LE(18), height: b.readUInt16LE(20) };
  return { format: 'bmp', width: b.readInt32LE(18), height: Math.abs(b.readInt32LE(22)) };
}

function tiff(b: Buffer, readAt: ReadAt): HeaderResult {
  const directory = byteOrder(b)?.u32(4) ?? 0;
  const count = sameOrder(b, readAt(directory, 2)).u16(0);
  const entries = Buffer.from(readAt(directory + 2, 12 * count));
  const order = sameOrder(b, entries);
  let width = 0;
  let height = 0;
  let orientation = 1;
  for (let at = 0; at + 12 <= entries.length; at += 12) {
    const value = order.u16(at + 2) === 3 ? order.u16(at + 8) : order.u32(at + 8);
    if (order.u16(at) === 256) width = value;
    if (order.u16(at) === 257) height = value;
    if (order.u16(at) === 274) orientation = value;
  }
  return rotated('tiff', width, height, orientation <= 8 ? orientation : 1);
}

function sameOrder(start: Buffer, block: Buffer) {
  return start[0] === 0x49
    ? { u16: (at: number) => block.readUInt16LE(at), u32: (at: number) => block.readUInt32LE(at) }
    : { u16: (at: number) => block.readUInt16BE(at), u32: (at: number) => block.readUInt32BE(at) };
}
