/** Makes samples small enough that a page with many of them can be sent by mail. */
import { join } from 'node:path';
import jpeg from 'jpeg-js';
import { readOurs } from '../base/files/regular-file.ts';
import { statOf } from '../base/files/stat.ts';
import { insideRun } from '../engine/run-folder/inside.ts';
import { decodePng, type Pixels } from '../terminal/graphics/png.ts';

/** Bytes of all images of a page, before base64 adds a third: with text and curves it stays below 5 MB. */
const BUDGET = 3_300_000;
/** Most bytes of one image, and of a sample file that is read. */
const MOST_EACH = 120_000;
const MOST_FILE = 64 << 20;
/** Bytes of one pixel of a photo at this quality. */
const PER_PIXEL = 0.2;
const QUALITY = 80;
const [LEAST_SIDE, MOST_SIDE] = [96, 1024];
/** Factor on the size in each further round, when the estimate was too low. */
const SMALLER = 0.9;

/** An image as a page embeds it. */
export interface PageImage {
  readonly uri: string;
  /** Size in pixels of the image as embedded. */
  readonly width: number;
  readonly height: number;
}

interface Room {
  /** Pixels of the longest side. */
  readonly side: number;
  /** Bytes. */
  readonly most: number;
}

interface Encoded extends PageImage {
  readonly bytes: number;
}

/** Remembers encoded images, so that a page that is made again and again encodes only new ones. */
export class ImageShrinker {
  readonly #kept = new Map<string, Encoded | undefined>();
  readonly #budget: number;

  /**
   * Makes a shrinker.
   * @param share of the bytes of a page that these images may take
   */
  constructor(share = 1) {
    this.#budget = BUDGET * share;
  }

  /** The images by path relative to the run folder. A file that cannot be shown is left out. */
  shrink(dir: string, paths: readonly string[]): ReadonlyMap<string, PageImage> {
    const each = Math.min(MOST_EACH, this.#budget / Math.max(1, paths.length));
    let side = sideFor(each);
    for (;;) {
      const encoded = paths.map((path) => [path, this.#encoded(dir, path, { side, most: each })] as const);
      const found = encoded.flatMap(([path, image]) => (image === undefined ? [] : [[path, image] as const]));
      const total = found.reduce((sum, [, { bytes }]) => sum + bytes, 0);
      if (total <= this.#budget || side <= LEAST_SIDE) return new Map(found);
      const longest = Math.max(...found.map(([, { width, height }]) => Math.max(width, height)));
      const smaller = Math.min(SMALLER, Math.sqrt(this.#budget / total));
      side = Math.max(LEAST_SIDE, Math.floor(Math.min(side, longest) * smaller));
    }
  }

  #encoded(dir: string, path: string, room: Room): Encoded | undefined {
    const { mtimeMs = 0, size = 0 } = statOf(join(dir, path)) ?? {};
    const key = JSON.stringify([path, mtimeMs, size, room.side]);
    if (!this.#kept.has(key)) this.#kept.set(key, encode(dir, path, room));
    return this.#kept.get(key);
  }
}

/**
 * Side in pixels of a square image with so many bytes. It changes in steps, so that one more sample does not encode
 * all others again.
 */
const sideFor = (bytes: number): number =>
  Math.min(MOST_SIDE, Math.max(LEAST_SIDE, Math.floor(Math.sqrt(bytes / PER_PIXEL) / 32) * 32));

function encode(dir: string, path: string, { side, most }: Room): Encoded | undefined {
  try {
    const file = readOurs(insideRun(dir, path), MOST_FILE);
    if (file === undefined) return undefined;
    const pixels = decodePng(file);
    const { width, height } = pixels;
    // A small sample is embedded unchanged, without loss.
    if (Math.max(width, height) <= side && file.length <= most)
      return { uri: dataUri('image/png', file), width, height, bytes: file.length };
    const small = shrinkTo(pixels, side);
    const data = encodeJpeg(small, QUALITY);
    return { uri: dataUri('image/jpeg', data), width: small.width, height: small.height, bytes: data.length };
  } catch {
    // A sample may be incomplete, or a stranger's; the page then names it without showing it.
    return undefined;
  }
}

const dataUri = (type: string, bytes: Uint8Array): string =>
  `data:${type};base64,${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')}`;

/** The image with no side longer than `side`; each pixel is the mean of the pixels that it replaces. */
export function shrinkTo(pixels: Pixels, side: number): Pixels {
  const scale = Math.min(1, side / Math.max(pixels.width, pixels.height));
  if (scale === 1) return pixels;
  const width = Math.max(1, Math.round(pixels.width * scale));
  const height = Math.max(1, Math.round(pixels.height * scale));
  const rgb = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y += 1) {
    const rows = span(y, height, pixels.height);
    for (let x = 0; x < width; x += 1) {
      const columns = span(x, width, pixels.width);
      for (let c = 0; c < 3; c += 1) rgb[(y * width + x) * 3 + c] = mean(pixels, rows, columns, c);
    }
  }
  return { width, height, rgb };
}

type Span = readonly [from: number, to: number];

/** The source rows or columns for one row or column of the result. */
const span = (at: number, count: number, of: number): Span => {
  const from = Math.floor((at * of) / count);
  return [from, Math.max(from + 1, Math.floor(((at + 1) * of) / count))];
};

function mean({ width, rgb }: Pixels, rows: Span, columns: Span, channel: number): number {
  let sum = 0;
  for (let y = rows[0]; y < rows[1]; y += 1)
    for (let x = columns[0]; x < columns[1]; x += 1) sum += rgb[(y * width + x) * 3 + channel] ?? 0;
  return Math.round(sum / ((rows[1] - rows[0]) * (columns[1] - columns[0])));
}

/**
 * The image as a JPEG.
 * @param quality from 1 to 100
 */
export const encodeJpeg = (pixels: Pixels, quality: number): Buffer =>
  Buffer.from(jpeg.encode({ data: withAlpha(pixels), width: pixels.width, height: pixels.height }, quality).data);

function withAlpha({ width, height, rgb }: Pixels): Buffer {
  const rgba = Buffer.alloc(width * height * 4, 255);
  for (let i = 0; i < width * height; i += 1) for (let c = 0; c < 3; c += 1) rgba[i * 4 + c] = rgb[i * 3 + c] ?? 0;
  return rgba;
}
