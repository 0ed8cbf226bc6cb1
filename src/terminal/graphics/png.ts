/** Reads the PNG files the trainer writes: 8 bits a channel, grey, RGB or RGBA, not interlaced. */
import { inflateSync } from 'node:zlib';

export interface Pixels {
  readonly width: number;
  readonly height: number;
  /** RGB values row by row, 3 bytes a pixel; transparent pixels are laid over black. */
  readonly rgb: Uint8Array;
}

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const CHANNELS: Readonly<Record<number, number>> = { 0: 1, 2: 3, 4: 2, 6: 4 };
/** Most pixels of an image that is decoded. A sample has a few megapixels. */
const MOST_PIXELS = 64e6;

/**
 * Decodes a PNG file.
 * @throws Error when the file is no PNG of this kind
 */
export function decodePng(file: Buffer): Pixels {
  if (!file.subarray(0, 8).equals(SIGNATURE)) throw new Error('no PNG file');
  let header: Buffer | undefined;
  const parts: Buffer[] = [];
  for (let at = 8; at + 12 <= file.length; ) {
    const length = file.readUInt32BE(at);
    const type = file.toString('latin1', at + 4, at + 8);
    const body = file.subarray(at + 8, at + 8 + length);
    if (type === 'IHDR') header = body;
    if (type === 'IDAT') parts.push(body);
    if (type === 'IEND') break;
    at += 12 + length;
  }
  if (header === undefined || header.length < 13) throw new Error('a PNG file without a header');
  const width = header.readUInt32BE(0);
  const height = header.readUInt32BE(4);
  const channels = CHANNELS[header[9] ?? -1];
  if (header[8] !== 8 || channels === undefined || header[12] !== 0)
    throw new Error('a kind of PNG that is not read here');
  if (width * height === 0 || width * height > MOST_PIXELS) throw new Error('a PNG of an impossible size');
  const stride = width * channels;
  const raw = inflateSync(Buffer.concat(parts), { maxOutputLength: (stride + 1) * height });
  if (raw.length < (stride + 1) * height) throw new Error('a PNG that is cut short');
  return { width, height, rgb: toRgb(unfilter(raw, stride, height, channels), channels) };
}

/** Undoes the row filters of the PNG standard (section 9); returns height × stride bytes. */
function unfilter(raw: Buffer, stride: number, height: number, channels: number): Uint8Array {
  const out = new Uint8Array(stride * height);
  for (let y = 0; y < height; y += 1) {
    const filter = raw[y * (stride + 1)];
    const from = y * (stride + 1) + 1;
    const to = y * stride;
    for (let i = 0; i < stride; i += 1) {
      const left = i >= channels ? (out[to + i - channels] ?? 0) : 0;
      const up = y > 0 ? (out[to + i - stride] ?? 0) : 0;
      const corner = i >= channels && y > 0 ? (out[to + i - stride - channels] ?? 0) : 0;
      out[to + i] = (raw[from + i] ?? 0) + predicted(filter, left, up, corner);
    }
  }
  return out;
}

function predicted(filter: number | undefined, left: number, up: number, corner: number): number {
  if (filter === 1) return left;
  if (filter === 2) return up;
  if (filter === 3) return (left + up) >> 1;
  if (filter !== 4) return 0;
  const guess = left + up - corner;
  const [a, b, c] = [Math.abs(guess - left), Math.abs(guess - up), Math.abs(guess - corner)];
  if (a <= b && a <= c) return left;
  return b <= c ? up : corner;
}

function toRgb(data: Uint8Array, channels: number): Uint8Array {
  if (channels === 3) return data;
  const rgb = new Uint8Array((data.length / channels) * 3);
  const grey = channels < 3;
  const alpha = channels % 2 === 0;
  for (let from = 0, to = 0; from < data.length; from += channels, to += 3) {
    const cover = alpha ? (data[from + channels - 1] ?? 0) / 255 : 1;
    for (let c = 0; c < 3; c += 1) rgb[to + c] = (data[from + (grey ? 0 : c)] ?? 0) * cover;
  }
  return rgb;
}
