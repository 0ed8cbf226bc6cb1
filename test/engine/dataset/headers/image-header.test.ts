import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { HeaderResult } from '../../../../src/engine/dataset/headers/header-result.ts';
import { readHeader } from '../../../../src/engine/dataset/headers/image-header.ts';
import { png } from '../../../helpers/images.ts';

const folder = join(import.meta.dirname, '../../../fixtures/images');
const expected = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8')) as Record<string, [number, number]>;

const header = (bytes: Buffer): HeaderResult => readHeader((from, length) => bytes.subarray(from, from + length));
const size = (result: HeaderResult) => ('problem' in result ? result.problem : [result.width, result.height]);

describe('readHeader', () => {
  it.each(Object.entries(expected))('%s has the size that Pillow sees', (name, pillow) => {
    expect(size(header(readFileSync(join(folder, name))))).toEqual(pillow);
  });

  it('finds the frame behind a long colour profile', () => {
    const plain = readFileSync(join(folder, 'turned-6.jpg'));
    const profile = Buffer.concat([Buffer.from([0xff, 0xe2, 0xff, 0xff]), Buffer.alloc(65_533)]);
    const long = Buffer.concat([plain.subarray(0, 2), ...Array.from({ length: 20 }, () => profile), plain.subarray(2)]);
    expect(size(header(long))).toEqual([16, 24]);
  });

  it.each([0, 46, 3_000_000_000])(
    'finds the turning of a WebP behind a frame that claims %i bytes more than it has',
    (more) => {
      const chunk = (name: string, content: Buffer, length = content.length) => {
        const head = Buffer.from(`${name}\0\0\0\0`, 'latin1');
        head.writeUInt32LE(length, 4);
        return Buffer.concat([head, content, Buffer.alloc(content.length & 1)]);
      };
      const whole = Buffer.from([0x0a, 0, 0, 0, 29, 0, 0, 19, 0, 0]);
      const frame = Buffer.concat([Buffer.alloc(16), chunk('ALPH', Buffer.alloc(5)), chunk('VP8 ', Buffer.alloc(30))]);
      const exif = Buffer.from('Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x08\0\0\0\0\0\0\0', 'latin1');
      const frames = [chunk('ANMF', frame), chunk('ANMF', frame, frame.length + more)];
      const chunks = [chunk('VP8X', whole), chunk('ANIM', Buffer.alloc(6)), ...frames, chunk('EXIF', exif)];
      const webp = chunk('RIFF', Buffer.concat([Buffer.from('WEBP'), ...chunks]));
      // Its side of 30 stands upright: libwebp reads the same, whatever a frame claims.
      expect(size(header(webp))).toEqual([20, 30]);
    },
  );

  it('reads TIFF of the other byte order', () => {
    const tags = [
      [256, 3, 30],
      [257, 4, 20],
      [274, 3, 6],
    ] as const;
    const bytes = Buffer.alloc(10 + 12 * tags.length);
    bytes.write('MM\0*', 'latin1');
    bytes.writeUInt32BE(8, 4);
    bytes.writeUInt16BE(tags.length, 8);
    tags.forEach(([tag, type, value], i) => {
      const at = 10 + 12 * i;
      bytes.writeUInt16BE(tag, at);
      bytes.writeUInt16BE(type, at + 2);
      bytes.writeUInt32BE(1, at + 4);
      if (type === 3) bytes.writeUInt16BE(value, at + 8);
      else bytes.writeUInt32BE(value, at + 8);
    });
    expect(size(header(bytes))).toEqual([20, 30]);
  });

  it.each([
    ['nothing', Buffer.alloc(0), /is empty/],
    ['a web page', Buffer.from('<!DOCTYPE html><html>'), /web page/],
    ['text', Buffer.from('hello, this is no picture'), /is not a picture/],
    ['a HEIC that is cut short', Buffer.from('\0\0\0\x18ftypheic\0\0\0\0mif1heic', 'latin1'), /cut short/],
    ['a film', Buffer.from('\0\0\0\x18ftypisom\0\0\0\0mp41iso2', 'latin1'), /film/],
    ['JPEG XL', Buffer.from([0xff, 0x0a, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), /djxl/],
    ['a PNG of no width', png(0, 4), /damaged/],
    ['a PNG that ends in its header', png(30, 30).subarray(0, 20), /cut short/],
    ['a JPEG of two bytes', Buffer.from([0xff, 0xd8]), /cut short/],
    ['a WebP cut short', readFileSync(join(folder, 'alpha.webp')).subarray(0, 22), /cut short/],
  ])('says what is wrong with %s', (_name, bytes, message) => {
    expect(size(header(bytes))).toMatch(message);
  });

  it('survives any damage', () => {
    const images = Object.keys(expected).map((name) => readFileSync(join(folder, name)));
    const edits = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 20 });
    fc.assert(
      fc.property(fc.constantFrom(...images), edits, fc.nat(), (image, changes, end) => {
        const damaged = Buffer.from(image);
        for (const [at, value] of changes) damaged[at % damaged.length] = value;
        const result = header(damaged.subarray(0, 1 + (end % damaged.length)));
        if (!('problem' in result)) {
          expect(result.width).toBeGreaterThan(0);
          expect(result.height).toBeGreaterThan(0);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe('a GIF', () => {
  /** A screen of 20 × 30 with a palette of two colours, then `blocks`, then a frame of 10 × 10 at (15, 5). */
  const gif = (...blocks: readonly string[]) => {
    const screen = Buffer.from('47494638396114001e00800000' + '000000ffffff', 'hex');
    return Buffer.concat([
      screen,
      ...blocks.map((hex) => Buffer.from(hex, 'hex')),
      Buffer.from('2c0f0005000a000a0000', 'hex'),
    ]);
  };
  const size = (file: Buffer) => readHeader((from, length) => file.subarray(from, from + length));

  it.each([
    ['nothing', []],
    ['a comment', ['21fe03616263' + '026465' + '00']],
    ['an empty comment', ['21fe00']],
    ['what animations hold', ['21ff0b' + '4e45545343415045322e30' + '03010000' + '00', '21f904' + '00000000' + '00']],
    ['strange bytes', ['070707']],
  ])('is as large as its screen and its first frame together, behind %s', (_, blocks) => {
    expect(size(gif(...blocks))).toMatchObject({ format: 'gif', width: 25, height: 30 });
  });

  it.each([
    ['without a frame', gif().subarray(0, 19)],
    ['cut within it', gif().subarray(0, 24)],
    ['with an end mark before it', gif('3b')],
    [
      'with a comment that never ends',
      Buffer.concat([gif().subarray(0, 19), Buffer.from('21fe', 'hex'), Buffer.alloc(8 << 20, 1)]),
    ],
  ])('%s is as large as its screen', (_, file) => {
    expect(size(file)).toMatchObject({ width: 20, height: 30 });
  });
});
