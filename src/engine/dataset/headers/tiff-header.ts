/** Size and orientation of a TIFF or BigTIFF, and whether Pillow can read its kind of pixels. */
import { orientationOf, readDirectory, type Tag, tiffLayout, xmpOrientation } from './exif.ts';
import { CUT, DAMAGED, type HeaderResult, type ReadAt, turned } from './header-result.ts';

const COMPRESSIONS = new Set([1, 2, 3, 4, 5, 6, 7, 8, 32771, 32773, 32809, 32946, 34676, 34677, 34925, 50000, 50001]);
const XMP = 700;
const WANTED = new Set([256, 257, 258, 259, 262, 266, 274, 277, 284, 338, 339, XMP]);
const MOST_XMP = 1 << 20;

export function tiffHeader(b: Buffer, readAt: ReadAt): HeaderResult {
  const layout = tiffLayout(b);
  if (layout === undefined) return DAMAGED;
  const { little, big } = layout;
  const from = big ? Number(b.readBigUInt64LE(8)) : little ? b.readUInt32LE(4) : b.readUInt32BE(4);
  const tags = readDirectory(readAt, from, layout, WANTED);
  if (tags.size === 0) return CUT;
  const [width, height] = [side(tags.get(256)), side(tags.get(257))];
  if (width === undefined || height === undefined) return DAMAGED;
  const kind = pixelKind(tags);
  if (!isKnown(kind, little))
    return { problem: `is a TIFF of a kind that cannot be read (${kindWords(kind)}): convert it to PNG` };
  return turned('tiff', width, height, orientationOf(tags) ?? xmpOf(tags.get(XMP), readAt));
}

const side = (tag: Tag | undefined) =>
  tag?.count === 1 && [3, 4, 8, 9, 16].includes(tag.type) ? tag.values[0] : undefined;

interface PixelKind {
  readonly photometric: number;
  readonly format: string;
  readonly fill: number;
  readonly bits: readonly number[];
  readonly extra: readonly number[];
  readonly compression: number;
}

/** The facts by which Pillow looks up its table of modes, with the same defaults. */
function pixelKind(tags: ReadonlyMap<number, Tag>): PixelKind {
  const values = (tag: number, otherwise: readonly number[]) => tags.get(tag)?.values ?? otherwise;
  const [compression = 1] = values(259, [1]);
  const photometric = compression === 6 ? 6 : (values(262, [0])[0] ?? 0);
  const formats = values(339, [1]);
  let extra = values(338, []);
  let bits = values(258, [1]);
  let [samples = 1] = values(277, [compression === 6 && (photometric === 2 || photometric === 6) ? 3 : 1]);
  if (values(284, [1])[0] === 2 && extra.length > 0 && Math.max(...extra) === 0) {
    bits = bits.slice(0, -extra.length);
    samples -= extra.length;
    extra = [];
  }
  if (samples < bits.length) bits = bits.slice(0, samples);
  else if (samples > bits.length && bits.length === 1 && samples <= 16) bits = Array(samples).fill(bits[0]);
  if (bits.length !== samples) bits = [];
  const format = new Set(formats).size === 1 ? String(formats[0]) : formats.join();
  return { photometric, format, fill: values(266, [1])[0] ?? 1, bits, extra, compression };
}

/**
 * Kinds with several channels, as `photometric/bits/extra`, in both byte orders. Their channel values are whole
 * numbers.
 */
const CHANNELS = new Set([
  ...['', '0', '1', '2', '999'].map((extra) => `2/8,8,8${extra === '' ? '' : ',8'}/${extra}`),
  ...[
    '2/8,8,8,8/',
    '2/16,16,16/',
    '5/8,8,8,8/',
    '5/8,8,8,8,8/0',
    '5/8,8,8,8,8,8/0,0',
    '5/16,16,16,16/',
    '6/8,8,8/',
    '8/8,8,8/',
  ],
  ...['0', '1', '2'].flatMap((first) => [`2/8,8,8,8,8/${first},0`, `2/8,8,8,8,8,8/${first},0,0`, `1/8,8/${first}`]),
  ...['', '0', '1', '2'].map((extra) => `2/16,16,16,16/${extra}`),
  ...['3/8,8/0', '3/8,8/2', '6/8/'],
]);
const BOTH_FILLS = new Set(['2/8,8,8/']);

function isKnown(kind: PixelKind, little: boolean): boolean {
  const { photometric, format, fill, bits, extra, compression } = kind;
  if (!COMPRESSIONS.has(compression)) return false;
  if (bits.length === 1 && extra.length === 0 && photometric !== 6) return isKnownGrey(kind, little);
  const name = `${photometric}/${bits.join()}/${extra.join()}`;
  return format === '1' && CHANNELS.has(name) && (fill === 1 || (fill === 2 && BOTH_FILLS.has(name)));
}

function isKnownGrey({ photometric, format, fill, bits }: PixelKind, little: boolean): boolean {
  const [depth = 0] = bits;
  if (fill !== 1 && fill !== 2) return false;
  if (photometric === 3) return format === '1' && [1, 2, 4, 8].includes(depth);
  if (photometric !== 0 && photometric !== 1) return false;
  if (format === '1' && [1, 2, 4, 8].includes(depth)) return true;
  if (fill === 2) return format === '1' && photometric === 1 && depth === 16 && little;
  if (format === '3') return depth === 32;
  if (format === '2') return photometric === 1 && [8, 16, 32].includes(depth);
  if (depth === 16) return format === '1' && (photometric === 1 || little);
  return format === '1' && photometric === 1 && little && (depth === 12 || depth === 32);
}

function kindWords({ format, bits, compression }: PixelKind): string {
  if (!COMPRESSIONS.has(compression)) return `compression ${compression}`;
  const numbers = format === '3' ? ', floating point' : '';
  return bits.length === 0 ? 'odd channels' : `${bits.length} × ${bits[0]} bits${numbers}`;
}

function xmpOf(tag: Tag | undefined, readAt: ReadAt): number {
  if (tag?.offset === undefined) return 1;
  return xmpOrientation(readAt(tag.offset, Math.min(tag.count, MOST_XMP)).toString('latin1'));
}
