/** Finds EXIF and XMP in the boxes of ISO base media, as HEIC and AVIF hold them: as items beside the image. */

import type { ReadAt } from '../headers/header-result.ts';
import { boxesIn, findMeta } from '../headers/heif-header.ts';
import type { TextBlock } from './text-block.ts';

/** Most items and parts of an item that are followed, as protection against hostile files. */
const MOST_ITEMS = 4096;
const MOST_EXTENTS = 64;

/**
 * The blocks of text of a file that begins with an `ftyp` box.
 * @param most most bytes of a block
 */
export function heifBlocks(readAt: ReadAt, most: number): readonly TextBlock[] {
  const meta = findMeta(readAt);
  if (meta === undefined) return [];
  const blocks: TextBlock[] = [];
  try {
    const kinds = itemKinds(meta);
    for (const [item, extents] of itemPlaces(meta)) {
      const kind = kinds.get(item);
      if (kind === undefined || extents.reduce((sum, { length }) => sum + length, 0) > most) continue;
      const bytes = Buffer.concat(extents.map((extent) => contentOf(extent, meta, readAt)));
      if (kind === 'xmp') blocks.push({ kind, bytes, latin: false });
      // The first four bytes say how many more stand before the TIFF header.
      else if (bytes.length > 4)
        blocks.push({ kind, bytes: bytes.subarray(4 + Math.min(bytes.readUInt32BE(0), bytes.length)), latin: true });
    }
  } catch (error) {
    // A box that ends too early has no more to say.
    if (!(error instanceof RangeError)) throw error;
  }
  return blocks;
}

interface Extent {
  readonly offset: number;
  readonly length: number;
  /** Whether the offset counts from the start of the box `idat`, and not of the file. */
  readonly inside: boolean;
}

function contentOf({ offset, length, inside }: Extent, meta: Buffer, readAt: ReadAt): Buffer {
  if (!inside) return Buffer.from(readAt(offset, length));
  const idat = boxesIn(meta, 0, meta.length).find(({ type }) => type === 'idat');
  return idat === undefined ? Buffer.alloc(0) : meta.subarray(idat.from + offset, idat.from + offset + length);
}

/** Which items are EXIF or XMP, by their number. */
function itemKinds(meta: Buffer): ReadonlyMap<number, 'exif' | 'xmp'> {
  const found = new Map<number, 'exif' | 'xmp'>();
  const iinf = boxesIn(meta, 0, meta.length).find(({ type }) => type === 'iinf');
  if (iinf === undefined) return found;
  const entries = boxesIn(meta, iinf.from + (meta[iinf.from] === 0 ? 6 : 8), iinf.to);
  for (const { from, to } of entries.filter(({ type }) => type === 'infe')) {
    const version = meta.readUInt8(from);
    if (version < 2) continue;
    const wide = version > 2;
    const item = wide ? meta.readUInt32BE(from + 4) : meta.readUInt16BE(from + 4);
    const at = from + (wide ? 10 : 8);
    const type = meta.toString('latin1', at, at + 4);
    if (type === 'Exif') found.set(item, 'exif');
    // The name of the item, then the type of its content, each with a zero byte behind it.
    else if (type === 'mime' && meta.toString('latin1', at + 4, to).split('\0')[1] === 'application/rdf+xml')
      found.set(item, 'xmp');
  }
  return found;
}

/**
 * Where the content of each item lies.
 * @throws RangeError for a box that ends too early
 */
function itemPlaces(meta: Buffer): ReadonlyMap<number, readonly Extent[]> {
  const found = new Map<number, readonly Extent[]>();
  const iloc = boxesIn(meta, 0, meta.length).find(({ type }) => type === 'iloc');
  if (iloc === undefined) return found;
  const box = meta.subarray(iloc.from, iloc.to);
  const version = box.readUInt8(0);
  const [sizes, more] = [box.readUInt8(4), box.readUInt8(5)];
  const [ofOffset, ofLength, ofBase, ofIndex] = [sizes >> 4, sizes & 15, more >> 4, version === 0 ? 0 : more & 15];
  let at = 6;
  const number = (bytes: number): number => {
    at += bytes;
    if (bytes === 0) return 0;
    return bytes === 8 ? Number(box.readBigUInt64BE(at - 8)) : box.readUIntBE(at - bytes, bytes);
  };
  const ofItem = version < 2 ? 2 : 4;
  const items = Math.min(number(ofItem), MOST_ITEMS);
  for (let i = 0; i < items; i += 1) {
    const item = number(ofItem);
    const method = version === 0 ? 0 : number(2) & 15;
    const reference = number(2);
    const base = number(ofBase);
    const extents: Extent[] = [];
    for (let left = number(2); left > 0; left -= 1) {
      number(ofIndex);
      const offset = base + number(ofOffset);
      extents.push({ offset, length: number(ofLength), inside: method === 1 });
      if (extents.length > MOST_EXTENTS) return found;
    }
    // Content that is made of other items, or lies in another file, is none of an image as cameras write it.
    if (method < 2 && reference === 0) found.set(item, extents);
  }
  return found;
}
