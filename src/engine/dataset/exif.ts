/** Orientation (EXIF tag 0x0112) as Pillow's `ImageOps.exif_transpose` finds it. Pure; anything odd counts as 1. */

const ORIENTATION = 0x0112;

export interface ByteOrder {
  readonly u16: (at: number) => number;
  readonly u32: (at: number) => number;
}

/** Reader for a TIFF block in its own byte order; undefined when it is none. */
export function byteOrder(block: Buffer): ByteOrder | undefined {
  const mark = block.toString('latin1', 0, 4);
  if (mark === 'II*\0') return { u16: (at) => block.readUInt16LE(at), u32: (at) => block.readUInt32LE(at) };
  if (mark === 'MM\0*') return { u16: (at) => block.readUInt16BE(at), u32: (at) => block.readUInt32BE(at) };
  return undefined;
}

/**
 * Orientation 1 to 8 in a TIFF block (the EXIF data of a JPEG, PNG or WebP, without its `Exif\0\0` prefix); undefined
 * where it says nothing. @throws {RangeError} when the block ends too early.
 */
export function exifOrientation(block: Buffer): number | undefined {
  const order = byteOrder(block);
  if (order === undefined) return undefined;
  const directory = order.u32(4);
  if (directory + 2 > block.length) return undefined;
  const entries = order.u16(directory);
  for (let i = 0; i < entries; i += 1) {
    const at = directory + 2 + 12 * i;
    if (at + 12 > block.length) break;
    if (order.u16(at) === ORIENTATION) return valid(order.u16(at + 8));
  }
  return undefined;
}

/** Pillow falls back to XMP where EXIF says nothing. */
export function xmpOrientation(xmp: string): number {
  return valid(Number(/tiff:Orientation(?:="|>)([0-9])/u.exec(xmp)?.[1] ?? 1));
}

const valid = (orientation: number) => (orientation >= 1 && orientation <= 8 ? orientation : 1);
