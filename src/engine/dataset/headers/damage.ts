/**
 * Checks that an image is whole while its bytes stream by to be hashed: a PNG by the checksums of its chunks, a JPEG
 * and a GIF by their end mark, a WebP by its length. Each byte is read once and none is kept.
 */
import { Collector, type DamageCheck } from './damage-check.ts';
import { CUT, type Format } from './header-result.ts';
import { PngCheck } from './png-damage.ts';

export function damageCheck(format: Format): DamageCheck {
  if (format === 'png') return new PngCheck();
  if (format === 'jpeg') return new JpegCheck();
  if (format === 'gif') return new GifCheck();
  if (format === 'webp') return new WebpCheck();
  if (format === 'avif' || format === 'heif') return new BoxCheck();
  return { push: () => {}, problem: () => undefined };
}

/**
 * Checks a JPEG. It follows the segments to the pixels, and from there to the end mark. So the end mark of a thumbnail
 * in the header does not count, and films that phones append to the image do not matter.
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
    return this.#state === 'end' ? undefined : CUT.problem;
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
   * Skips to the next 0xFF: the bytes in between are pixels, or junk that decoders skip too.
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
    return this.#seen ? undefined : CUT.problem;
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
    return this.#head.isFull && this.#head.bytes.readUInt32LE(4) + 8 <= this.#bytes ? undefined : CUT.problem;
  }
}

/**
 * Checks AVIF and HEIC, which are boxes one after the other, each with its length: the last must end where the file
 * does.
 */
class BoxCheck implements DamageCheck {
  /** Bytes that are left of the current box; undefined while its length is read. */
  #left: number | undefined;
  #head = new Collector(16);
  /** Whether the current box extends to the end of the file, whatever its length. */
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

  /**
   * Reads the head of a box.
   * @returns how many bytes of `part` from `at` were taken
   */
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
    return this.#open || (this.#left === undefined && this.#head.isEmpty) ? undefined : CUT.problem;
  }
}
