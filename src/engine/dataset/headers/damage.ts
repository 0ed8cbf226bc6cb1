/**
 * Checks that an image is whole while its bytes stream by to be hashed: a PNG by the checksums of its chunks, a JPEG
 * and a GIF by their end mark, a WebP by its length. Each byte is read once and none is kept.
 */
import { crc32 } from 'node:zlib';
import { type Format, turned } from './header-result.ts';
import { isMetadata, MOST_TEXT, PngMetadata } from './png-header.ts';

export interface DamageCheck {
  /** Takes the next bytes of the file. They are not kept. */
  push(part: Buffer): void;
  /** Called after the last byte. It says what is wrong, in words that follow the file's name. */
  problem(): string | undefined;
  /** Width and height when metadata behind the pixels turns the image, which the header alone does not show. */
  readonly size?: readonly [number, number] | undefined;
}

const CUT = 'is cut short and cannot be read';

export function damageCheck(format: Format): DamageCheck {
  if (format === 'png') return new PngCheck();
  if (format === 'jpeg') return new JpegCheck();
  if (format === 'gif') return new GifCheck();
  if (format === 'webp') return new WebpCheck();
  if (format === 'avif' || format === 'heif') return new BoxCheck();
  return { push: () => {}, problem: () => undefined };
}

/** Collects the next `count` bytes, however the file is cut into parts. */
class Collector {
  readonly bytes: Buffer;
  #filled = 0;

  constructor(count: number) {
    this.bytes = Buffer.alloc(count);
  }

  /** @returns how many bytes of `part` from `at` were taken. */
  take(part: Buffer, at: number): number {
    const taken = part.copy(this.bytes, this.#filled, at, at + this.bytes.length - this.#filled);
    this.#filled += taken;
    return taken;
  }

  get isEmpty(): boolean {
    return this.#filled === 0;
  }

  get isFull(): boolean {
    return this.#filled === this.bytes.length;
  }

  restart(): void {
    this.#filled = 0;
  }
}

/**
 * Checks the checksums up to the last chunk of pixels. Decoders do not look at what follows the pixels, so neither does
 * this.
 */
class PngCheck implements DamageCheck {
  #skip = 8;
  readonly #head = new Collector(8);
  readonly #sum = new Collector(4);
  #left = 0;
  #crc = 0;
  #kind = '';
  #state: 'head' | 'data' | 'sum' | 'end' = 'head';
  #sawPixels = false;
  #behindPixels = false;
  #hurt: string | undefined;
  #header: Collector | undefined;
  #text: { kind: string; data: Collector } | undefined;
  readonly #metadata = new PngMetadata();
  #isLate = false;
  #isOver = false;

  push(part: Buffer): void {
    let at = Math.min(this.#skip, part.length);
    this.#skip -= at;
    while (at < part.length && this.#state !== 'end') {
      if (this.#state === 'head') at += this.#readHead(part, at);
      else if (this.#state === 'data') at += this.#readData(part, at);
      else at += this.#readSum(part, at);
    }
  }

  problem(): string | undefined {
    return this.#hurt ?? (this.#state === 'end' ? undefined : CUT);
  }

  get size(): readonly [number, number] | undefined {
    const header = this.#header;
    if (!this.#isLate || header === undefined || !header.isFull) return undefined;
    const [width, height] = [header.bytes.readUInt32BE(0), header.bytes.readUInt32BE(4)];
    const shown = turned('png', width, height, this.#metadata.orientation);
    return [shown.width, shown.height];
  }

  #readHead(part: Buffer, at: number): number {
    const taken = this.#head.take(part, at);
    if (!this.#head.isFull) return taken;
    this.#left = this.#head.bytes.readUInt32BE(0);
    this.#kind = this.#head.bytes.toString('latin1', 4, 8);
    this.#crc = crc32(this.#head.bytes.subarray(4));
    if (this.#kind === 'IDAT') this.#sawPixels = true;
    else if (this.#sawPixels) this.#behindPixels = true;
    this.#head.restart();
    this.#begin(this.#kind, this.#left);
    this.#state = this.#kind === 'IEND' ? 'end' : this.#left === 0 ? 'sum' : 'data';
    return taken;
  }

  #begin(kind: string, length: number): void {
    if (kind === 'IHDR') this.#header ??= new Collector(8);
    // Behind the pixels Pillow stops at the next frame of an animation, and at an invalid chunk name.
    if (this.#sawPixels && (kind === 'fcTL' || !/^\w{4}$/u.test(kind))) this.#isOver = true;
    const matters = isMetadata(kind) && length > 0 && length <= MOST_TEXT && !this.#isOver;
    this.#text = matters ? { kind, data: new Collector(length) } : undefined;
  }

  #keep(part: Buffer, at: number, end: number): void {
    if (this.#kind === 'IHDR') this.#header?.take(part.subarray(0, end), at);
    const text = this.#text;
    if (text === undefined) return;
    text.data.take(part.subarray(0, end), at);
    if (text.data.isFull && this.#metadata.add(text.kind, text.data.bytes) && this.#behindPixels) this.#isLate = true;
  }

  #readData(part: Buffer, at: number): number {
    const taken = Math.min(this.#left, part.length - at);
    this.#keep(part, at, at + taken);
    if (!this.#behindPixels) this.#crc = crc32(part.subarray(at, at + taken), this.#crc);
    this.#left -= taken;
    if (this.#left === 0) this.#state = 'sum';
    return taken;
  }

  #readSum(part: Buffer, at: number): number {
    const taken = this.#sum.take(part, at);
    if (!this.#sum.isFull) return taken;
    this.#sum.restart();
    this.#state = 'head';
    if (this.#behindPixels || this.#sum.bytes.readUInt32BE(0) === this.#crc) return taken;
    this.#hurt ??= `is damaged inside (the checksum of its ${this.#kind === 'IDAT' ? 'pixels' : 'header'} is wrong)`;
    return taken;
  }
}

/**
 * Follows the segments to the pixels, and from there to the end mark. So the end mark of a thumbnail in the header does
 * not count, and films that phones append to the image do not matter.
 */
class JpegCheck implements DamageCheck {
  #skip = 2;
  #state: 'marker' | 'length' | 'pixels' | 'end' = 'marker';
  #marker = 0;
  #sawFF = false;
  readonly #length = new Collector(2);

  push(part: Buffer): void {
    let at = 0;
    while (at < part.length && this.#state !== 'end') {
      if (this.#skip > 0) {
        const taken = Math.min(this.#skip, part.length - at);
        this.#skip -= taken;
        at += taken;
      } else if (this.#state === 'length') at += this.#readLength(part, at);
      else at = this.#seekMarker(part, at);
    }
  }

  problem(): string | undefined {
    return this.#state === 'end' ? undefined : CUT;
  }

  #readLength(part: Buffer, at: number): number {
    const taken = this.#length.take(part, at);
    if (!this.#length.isFull) return taken;
    this.#length.restart();
    this.#skip = Math.max(0, this.#length.bytes.readUInt16BE(0) - 2);
    this.#state = this.#marker === 0xda ? 'pixels' : 'marker';
    return taken;
  }

  /**
   * Hops from one 0xFF to the next: between them are pixels, or junk that decoders skip too.
   * @returns where to continue
   */
  #seekMarker(part: Buffer, from: number): number {
    let at = from;
    if (!this.#sawFF) {
      at = part.indexOf(0xff, from);
      if (at < 0) return part.length;
      this.#sawFF = true;
      at += 1;
    }
    for (; at < part.length && part[at] === 0xff; at += 1);
    if (at === part.length) return at;
    this.#sawFF = false;
    const marker = part[at] ?? 0;
    if (marker === 0xd9) this.#state = 'end';
    else if (hasLength(marker)) {
      this.#marker = marker;
      this.#state = 'length';
    }
    return at + 1;
  }
}

/** Whether a marker is followed by a length. An escaped 0xFF, restart marks and reserved markers are not. */
const hasLength = (marker: number) =>
  (marker >= 0xc0 && marker !== 0xc8 && (marker < 0xd0 || marker > 0xd8) && marker < 0xf0) || marker === 0xfe;

class GifCheck implements DamageCheck {
  #seen = false;

  push(part: Buffer): void {
    this.#seen ||= part.includes(0x3b);
  }

  problem(): string | undefined {
    return this.#seen ? undefined : CUT;
  }
}

class WebpCheck implements DamageCheck {
  readonly #head = new Collector(8);
  #bytes = 0;

  push(part: Buffer): void {
    this.#head.take(part, 0);
    this.#bytes += part.length;
  }

  problem(): string | undefined {
    return this.#head.isFull && this.#head.bytes.readUInt32LE(4) + 8 <= this.#bytes ? undefined : CUT;
  }
}

/** AVIF and HEIC are boxes one after the other, each with its length: the last must end where the file does. */
class BoxCheck implements DamageCheck {
  /** Bytes that are left of the present box; undefined while its length is read. */
  #left: number | undefined;
  #head = new Collector(16);
  /** Whether the present box goes on to the end of the file, whatever its length. */
  #open = false;

  push(part: Buffer): void {
    for (let at = 0; at < part.length && !this.#open; ) {
      if (this.#left === undefined) at += this.#readHead(part, at);
      else {
        const taken = Math.min(this.#left, part.length - at);
        this.#left -= taken;
        at += taken;
        if (this.#left === 0) this.#left = undefined;
      }
    }
  }

  /** @returns how many bytes of `part` from `at` were taken */
  #readHead(part: Buffer, at: number): number {
    const taken = this.#head.take(part, at);
    if (!this.#head.isFull) return taken;
    const short = this.#head.bytes.readUInt32BE(0);
    const length = short === 1 ? Number(this.#head.bytes.readBigUInt64BE(8)) : short;
    this.#open = short === 0 || length < 16;
    this.#left = length === 16 ? undefined : length - 16;
    this.#head.restart();
    return taken;
  }

  problem(): string | undefined {
    return this.#open || (this.#left === undefined && this.#head.isEmpty) ? undefined : CUT;
  }
}
