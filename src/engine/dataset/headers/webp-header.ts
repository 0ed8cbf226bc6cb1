/** Size and orientation of a WebP. */
import { exifOrientation, xmpOrientation } from './exif.ts';
import { DAMAGED, type HeaderResult, type ReadAt, turned } from './header-result.ts';

/** Most chunks that are followed, to bound a hostile file. An animation has up to three for each frame. */
const MOST_CHUNKS = 3 * 4096;
/** Bytes between the head of a frame and the chunks in it. */
const FRAME_HEAD = 16;
const MOST_METADATA = 1 << 20;
const HAS_EXIF = 0x08;
const HAS_XMP = 0x04;

export function webpHeader(b: Buffer, readAt: ReadAt): HeaderResult {
  const kind = b.toString('latin1', 12, 16);
  if (kind === 'VP8 ') {
    if (b.readUIntBE(23, 3) !== 0x9d012a) return DAMAGED;
    return turned('webp', b.readUInt16LE(26) & 0x3fff, b.readUInt16LE(28) & 0x3fff, 1);
  }
  if (kind === 'VP8L') {
    if (b[20] !== 0x2f) return DAMAGED;
    const bits = b.readUInt32LE(21);
    return turned('webp', (bits & 0x3fff) + 1, ((bits >>> 14) & 0x3fff) + 1, 1);
  }
  if (kind !== 'VP8X') return DAMAGED;
  const width = b.readUIntLE(24, 3) + 1;
  const height = b.readUIntLE(27, 3) + 1;
  const flags = b.readUInt8(20);
  return turned('webp', width, height, (flags & (HAS_EXIF | HAS_XMP)) === 0 ? 1 : orientation(readAt, flags));
}

/**
 * Orientation of the image. EXIF and XMP stand behind the pixels. If there are two chunks of a kind, the first one
 * counts.
 */
function orientation(readAt: ReadAt, flags: number): number {
  let exif: number | undefined;
  let xmp: number | undefined;
  let left = flags & (HAS_EXIF | HAS_XMP);
  for (let at = 12, chunks = 0; chunks < MOST_CHUNKS && left !== 0; chunks += 1) {
    const head = readAt(at, 8);
    if (head.length < 8) break;
    const length = head.readUInt32LE(4);
    const name = head.toString('latin1', 0, 4);
    if (name === 'EXIF' && (left & HAS_EXIF) !== 0) {
      left &= ~HAS_EXIF;
      exif = exifOrientation(Buffer.from(readAt(at + 8, Math.min(length, MOST_METADATA))));
      if (exif !== undefined) return exif;
    } else if (name === 'XMP ' && (left & HAS_XMP) !== 0) {
      left &= ~HAS_XMP;
      xmp = xmpOrientation(readAt(at + 8, Math.min(length, MOST_METADATA)).toString('latin1'));
    }
    // The chunks of a frame follow as if they stood beside it, so that the size which a damaged frame claims does not
    // matter. libwebp reads it in the same way.
    at += 8 + (name === 'ANMF' ? FRAME_HEAD : length + (length & 1));
  }
  return xmp ?? 1;
}
