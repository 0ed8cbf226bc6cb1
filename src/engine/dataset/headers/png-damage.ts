/** Checks that a PNG is whole, by the checksums of its chunks, while its bytes stream by. */
import { crc32 } from 'node:zlib';
import { Collector, type DamageCheck } from './damage-check.ts';
import { CUT, turned } from './header-result.ts';
import { isMetadata, MOST_TEXT, PngMetadata } from './png-header.ts';

/**
 * Checks the checksums up to the last chunk of pixels. Decoders ignore what follows the pixels, so this check does
 * too.
 */
export class PngCheck implements DamageCheck {
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
    return this.#hurt ?? (this.#state === 'end' ? undefined : CUT.problem);
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
