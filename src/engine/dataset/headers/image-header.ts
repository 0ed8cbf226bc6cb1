/**
 * Size, rotation and format of an image from its header bytes alone. The image-size package is not used, because the
 * size must be what the trainer's Pillow sees after `exif_transpose`: see docs/decisions/0011-image-headers.md.
 */

import { gifHeader } from './gif-header.ts';
import { CUT, DAMAGED, type HeaderResult, type ReadAt } from './header-result.ts';
import { heifHeader } from './heif-header.ts';
import { jpegHeader } from './jpeg-header.ts';
import { pngHeader } from './png-header.ts';
import { tiffHeader } from './tiff-header.ts';
import { webpHeader } from './webp-header.ts';

/** Bytes that are read at first: enough for most headers in one call. */
export const FIRST_BYTES = 4096;

/** Reads the header. It never throws, whatever the file holds. `hashImages` checks whether all pixels are there. */
export function readHeader(readAt: ReadAt): HeaderResult {
  const start = readAt(0, FIRST_BYTES);
  if (start.length === 0) return { problem: 'is empty (0 bytes)' };
  try {
    const header = byContent(start, readAt);
    if ('problem' in header) return header;
    return header.width > 0 && header.height > 0 ? header : DAMAGED;
  } catch (error) {
    // Reading a buffer past its end throws a RangeError, which means that the header is cut short.
    if (error instanceof RangeError) return CUT;
    throw error;
  }
}

function byContent(b: Buffer, readAt: ReadAt): HeaderResult {
  if (b[0] === 0xff && b[1] === 0xd8) return jpegHeader(readAt);
  if (b[0] === 0x89 && b.toString('latin1', 0, 8) === '\x89PNG\r\n\x1a\n') return pngHeader(b, readAt);
  const mark = b.toString('latin1', 0, 4);
  if (mark === 'RIFF' && b.toString('latin1', 8, 12) === 'WEBP') return webpHeader(b, readAt);
  if (/^GIF8[79]a/u.test(b.toString('latin1', 0, 6))) return gifHeader(b, readAt);
  if (mark.startsWith('BM')) return bmp(b);
  if (/^(?:II|MM)(?:\*\0|\0\*|[+]\0)/u.test(mark)) return tiffHeader(b, readAt);
  if (b.toString('latin1', 4, 8) === 'ftyp') return heifHeader(b, readAt);
  if (isJxl(b)) return { problem: 'is JPEG XL, which cannot be read: djxl FILE FILE.png converts it' };
  if (/^\s*(<!doctype|<html|<svg|<\?xml)/iu.test(b.toString('latin1', 0, 64)))
    return { problem: 'is a web page or SVG, not a picture of pixels' };
  return { problem: 'is not a picture we can read (its content is something else)' };
}

/** Whether a file is JPEG XL, as a bare stream or in its container. */
const isJxl = (b: Buffer): boolean => (b[0] === 0xff && b[1] === 0x0a) || b.toString('latin1', 4, 8) === 'JXL ';

const BMP_HEADERS = [40, 52, 56, 64, 108, 124];

function bmp(b: Buffer): HeaderResult {
  const header = b.readUInt32LE(14);
  // The oldest header has 16-bit sizes; in later ones a negative height means that rows go from the top.
  if (header === 12) return { format: 'bmp', width: b.readUInt16LE(18), height: b.readUInt16LE(20) };
  if (!BMP_HEADERS.includes(header)) return { problem: `is a BMP of an unknown kind (header of ${header} bytes)` };
  return { format: 'bmp', width: b.readInt32LE(18), height: Math.abs(b.readInt32LE(22)) };
}
