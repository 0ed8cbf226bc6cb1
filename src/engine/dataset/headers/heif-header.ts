/**
 * Size of an image in the boxes of ISO base media: AVIF, and HEIC as phones write it. Such an image is rotated by a
 * property (`irot`); the orientation in its EXIF is a copy that readers do not apply.
 */
import { CUT, DAMAGED, type Format, type HeaderResult, type ReadAt } from './header-result.ts';

/**
 * Most boxes that are followed at one level, and most bytes of the box with the properties, as protection against
 * hostile files.
 */
const MOST_BOXES = 4096;
const MOST_META = 4 << 20;

interface Box {
  readonly type: string;
  /** Where the content of the box begins and ends, in bytes from the start of the data it was read from. */
  readonly from: number;
  readonly to: number;
}

/**
 * Reads the header.
 * @param b the start of the file, which begins with an `ftyp` box
 */
export function heifHeader(b: Buffer, readAt: ReadAt): HeaderResult {
  const format = brandFormat(b);
  if (format === undefined) return { problem: 'is a film or a picture of an unknown kind, which cannot be read' };
  const meta = findMeta(readAt);
  if (meta === undefined) return CUT;
  const size = primarySize(meta, format);
  return size === undefined ? DAMAGED : { format, width: size[0], height: size[1] };
}

/** AVIF or HEIC by the brands of the file; undefined for films. An AVIF may call itself `mif1` first. */
function brandFormat(b: Buffer): Format | undefined {
  const length = Math.min(b.readUInt32BE(0), b.length);
  const brands = new Set<string>();
  for (let at = 8; at + 4 <= length; at += 4) if (at !== 12) brands.add(b.toString('latin1', at, at + 4));
  if (brands.has('avif')) return 'avif';
  return ['heic', 'heix', 'heim', 'heis', 'mif1'].some((brand) => brands.has(brand)) ? 'heif' : undefined;
}

/** A copy of the content of the file's `meta` box without its version; undefined without one. */
export function findMeta(readAt: ReadAt): Buffer | undefined {
  let at = 0;
  for (let boxes = 0; boxes < MOST_BOXES; boxes += 1) {
    const head = Buffer.from(readAt(at, 16));
    if (head.length < 8) return undefined;
    const long = head.readUInt32BE(0) === 1;
    if (long && head.length < 16) return undefined;
    const length = long ? Number(head.readBigUInt64BE(8)) : head.readUInt32BE(0);
    const start = long ? 16 : 8;
    if (head.toString('latin1', 4, 8) === 'meta') {
      const content = length === 0 ? MOST_META : length - start;
      if (content < 4 || content > MOST_META) return undefined;
      const meta = Buffer.from(readAt(at + start, content));
      return meta.length < content && length !== 0 ? undefined : meta.subarray(4);
    }
    if (length < start) return undefined;
    at += length;
  }
  return undefined;
}

/** The boxes of one level in a part of the data. */
export function boxesIn(b: Buffer, from: number, to: number): Box[] {
  const found: Box[] = [];
  for (let at = from; at + 8 <= to && found.length < MOST_BOXES; ) {
    const size = b.readUInt32BE(at);
    const long = size === 1;
    const length = long ? Number(b.readBigUInt64BE(at + 8)) : size === 0 ? to - at : size;
    const start = long ? 16 : 8;
    if (length < start || at + length > to) break;
    found.push({ type: b.toString('latin1', at + 4, at + 8), from: at + start, to: at + length });
    at += length;
  }
  return found;
}

/** Width and height of the primary image as it is shown; undefined when the properties do not tell. */
function primarySize(meta: Buffer, format: Format): readonly [number, number] | undefined {
  const boxes = boxesIn(meta, 0, meta.length);
  const inner = (type: string, inside: readonly Box[] = boxes) => inside.find((box) => box.type === type);
  const pitm = inner('pitm');
  const iprp = inner('iprp');
  if (pitm === undefined || iprp === undefined) return undefined;
  const item = meta[pitm.from] === 0 ? meta.readUInt16BE(pitm.from + 4) : meta.readUInt32BE(pitm.from + 4);
  const containers = boxesIn(meta, iprp.from, iprp.to);
  const ipco = inner('ipco', containers);
  if (ipco === undefined) return undefined;
  const properties = boxesIn(meta, ipco.from, ipco.to);
  const own = containers
    .filter(({ type }) => type === 'ipma')
    .flatMap((ipma) => associations(meta, ipma, item))
    .flatMap((index) => properties[index - 1] ?? []);
  return shownSize(meta, own, format);
}

/** The indices of the properties that belong to an item, counted from 1, in their order. */
function associations(meta: Buffer, ipma: Box, item: number): number[] {
  const version = meta.readUInt8(ipma.from);
  const wide = (meta.readUInt8(ipma.from + 3) & 1) === 1;
  let left = meta.readUInt32BE(ipma.from + 4);
  let at = ipma.from + 8;
  for (; left > 0 && at < ipma.to; left -= 1) {
    const id = version < 1 ? meta.readUInt16BE(at) : meta.readUInt32BE(at);
    at += version < 1 ? 2 : 4;
    const count = meta.readUInt8(at);
    at += 1;
    if (id === item)
      return Array.from({ length: count }, (_, i) =>
        wide ? meta.readUInt16BE(at + 2 * i) & 0x7fff : meta.readUInt8(at + i) & 0x7f,
      );
    at += count * (wide ? 2 : 1);
  }
  return [];
}

function shownSize(meta: Buffer, properties: readonly Box[], format: Format): readonly [number, number] | undefined {
  let size: readonly [number, number] | undefined;
  for (const { type, from } of properties) {
    if (type === 'ispe') size = [meta.readUInt32BE(from + 4), meta.readUInt32BE(from + 8)];
    // Pillow's reader of AVIF does not cut to the clean aperture; that of HEIC does.
    else if (type === 'clap' && format === 'heif' && size !== undefined) size = cut(meta, from, size);
    else if (type === 'irot' && size !== undefined && meta.readUInt8(from) % 2 === 1) size = [size[1], size[0]];
  }
  return size;
}

function cut(meta: Buffer, from: number, size: readonly [number, number]): readonly [number, number] {
  const part = (at: number) => meta.readUInt32BE(at) / Math.max(1, meta.readUInt32BE(at + 4));
  const sides = [Math.round(part(from)), Math.round(part(from + 8))] as const;
  return sides[0] >= 1 && sides[1] >= 1 && sides[0] <= size[0] && sides[1] <= size[1] ? sides : size;
}
