/** Forms of image files that programs write: places of the orientation, damage inside, and kinds of TIFF. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { hashImages } from '../../../src/engine/dataset/hash.ts';
import { readHeader } from '../../../src/engine/dataset/headers/image-header.ts';
import { scanDataset } from '../../../src/engine/dataset/scan.ts';
import { png, writeTree } from '../../helpers/images.ts';
import { pngChunk } from '../../helpers/png-chunk.ts';

/** The PNG with `extra` inserted before the first chunk of the kind `before`. */
function insert(image: Buffer, extra: Buffer, before = 'IDAT'): Buffer {
  const at = image.indexOf(before, 0, 'latin1') - 4;
  return Buffer.concat([image.subarray(0, at), extra, image.subarray(at)]);
}

const EXIF = Buffer.from('4d4d002a000000080001011200030000000100060000000000' + '00', 'hex');
// The first tag claims more bytes than there are: Pillow passes over it and reads the next.
const GREEDY = Buffer.from(
  '4d4d002a00000008' + '0002' + '010f00020000360000000032' + '011200030000000100060000' + '00000000',
  'hex',
);
const xmp = (orientation: number) => Buffer.from(`<tiff:Orientation>${orientation}</tiff:Orientation>`);
const profile = Buffer.from(`\nexif\n      ${EXIF.length}\n${EXIF.toString('hex')}\n`);
const text = (key: string, rest: string, data: Buffer) =>
  Buffer.concat([Buffer.from(`${key}\0${rest}`, 'latin1'), data]);

async function hashed(files: Readonly<Record<string, Uint8Array>>) {
  const root = mkdtempSync(join(tmpdir(), 'vt-rule-'));
  writeTree(root, files);
  return hashImages(await scanDataset(root, { captionExtension: '.txt' }), { cacheDir: null });
}

describe('a turned PNG', () => {
  const plain = png(40, 30);
  it.each([
    ['XMP, as macOS Preview writes it', insert(plain, pngChunk('iTXt', text('XML:com.adobe.xmp', '\0\0\0\0', xmp(8))))],
    ['packed XMP', insert(plain, pngChunk('iTXt', text('XML:com.adobe.xmp', '\x01\0\0\0', deflateSync(xmp(6)))))],
    [
      'the profile of ImageMagick',
      insert(plain, pngChunk('zTXt', text('Raw profile type exif', '\0', deflateSync(profile)))),
    ],
    ['eXIf', insert(plain, pngChunk('eXIf', EXIF))],
    ['eXIf behind a tag that claims too much', insert(plain, pngChunk('eXIf', GREEDY))],
    ['eXIf behind the pixels', insert(plain, pngChunk('eXIf', EXIF), 'IEND')],
    ['XMP behind the pixels', insert(plain, pngChunk('iTXt', text('XML:com.adobe.xmp', '\0\0\0\0', xmp(5))), 'IEND')],
  ])('by %s is planned upright', async (_form, bytes) => {
    expect((await hashed({ 'a.png': bytes })).images[0]?.size).toEqual([30, 40]);
  });

  it.each([
    [
      'EXIF before XMP',
      [pngChunk('iTXt', text('XML:com.adobe.xmp', '\0\0\0\0', xmp(1))), pngChunk('eXIf', EXIF)],
      [30, 40],
    ],
    [
      'text too large to unpack',
      [pngChunk('zTXt', text('Raw profile type exif', '\0', deflateSync(Buffer.alloc(8 << 20))))],
      [40, 30],
    ],
  ])('%s', async (_what, chunks, size) => {
    expect((await hashed({ 'a.png': insert(plain, Buffer.concat(chunks)) })).images[0]?.size).toEqual(size);
  });
});

it('is not turned by what stands behind a chunk that has no name', async () => {
  const late = Buffer.concat([pngChunk('\xdeXIf', EXIF), pngChunk('eXIf', EXIF)]);
  expect((await hashed({ 'a.png': insert(png(40, 30), late, 'IEND') })).images[0]?.size).toEqual([40, 30]);
});

describe('a PNG damaged inside', () => {
  const flip = (image: Buffer, at: number) => {
    const copy = Buffer.from(image);
    copy[at] = (copy[at] ?? 0) ^ 0x55;
    return copy;
  };
  const plain = (seed: number) => png(40, 30, seed);

  it('is named before the run, all of them at once', async () => {
    const { images, leftOut } = await hashed({
      'a.png': plain(1),
      'b.png': flip(plain(2), plain(2).indexOf('IDAT') + 8),
      'c.png': flip(plain(3), plain(3).indexOf('IDAT') - 6),
      'd.png': flip(insert(plain(4), pngChunk('tEXt', Buffer.from('a\0b')), 'IEND'), plain(4).indexOf('IEND') + 6),
    });
    // Damage behind the pixels does not matter.
    expect(images.map(({ path }) => path)).toEqual(['a.png', 'd.png']);
    expect(leftOut.map(({ path, problem }) => `${path} ${problem}`)).toEqual([
      'b.png is damaged inside (the checksum of its pixels is wrong)',
      'c.png is damaged inside (the checksum of its header is wrong)',
    ]);
  });

  it('is found wherever its chunks are cut into pieces', async () => {
    const { damageCheck } = await import('../../../src/engine/dataset/headers/damage.ts');
    const image = insert(plain(5), pngChunk('eXIf', EXIF), 'IEND');
    for (let step = 1; step < 40; step += 1) {
      const whole = damageCheck('png');
      const hurt = damageCheck('png');
      const bad = flip(image, image.indexOf('IDAT') + 9);
      for (let at = 0; at < image.length; at += step) {
        whole.push(image.subarray(at, at + step));
        hurt.push(bad.subarray(at, at + step));
      }
      expect([whole.problem(), whole.size, hurt.problem()]).toEqual([
        undefined,
        [30, 40],
        expect.stringMatching(/damaged inside/),
      ]);
    }
  });
});

describe('a JPEG cut short', () => {
  it('is not taken for whole because of the end mark of its thumbnail', async () => {
    const { damageCheck } = await import('../../../src/engine/dataset/headers/damage.ts');
    const thumbnail = Buffer.from('ffe10008ffd8ffd90000', 'hex');
    const start = Buffer.concat([
      Buffer.from('ffd8', 'hex'),
      thumbnail,
      Buffer.from('ffda0003001122ff00334455', 'hex'),
    ]);
    for (const [bytes, problem] of [
      [start, 'is cut short and cannot be read'],
      [Buffer.concat([start, Buffer.from('ffd9', 'hex'), Buffer.alloc(99)]), undefined],
    ] as const)
      for (let step = 1; step < bytes.length; step += 1) {
        const check = damageCheck('jpeg');
        for (let at = 0; at < bytes.length; at += step) check.push(bytes.subarray(at, at + step));
        expect(check.problem()).toBe(problem);
      }
  });
});

/** The first bytes of a little-endian TIFF or BigTIFF with these short tags. */
function tiff(tags: readonly (readonly [number, ...number[]])[], big = false): Buffer {
  const [width, inline] = big ? [20, 8] : [12, 4];
  const directory = big ? 16 : 8;
  const data: Buffer[] = [];
  let end = directory + (big ? 8 : 2) + width * tags.length + inline;
  const entries = tags.map(([tag, ...values]) => {
    const entry = Buffer.alloc(width);
    entry.writeUInt16LE(tag, 0);
    entry.writeUInt16LE(3, 2);
    entry.writeUInt32LE(values.length, 4);
    const numbers = Buffer.alloc(2 * values.length);
    values.forEach((value, i) => {
      numbers.writeUInt16LE(value, 2 * i);
    });
    if (numbers.length <= inline) numbers.copy(entry, width - inline);
    else {
      entry.writeUInt32LE(end, width - inline);
      data.push(numbers);
      end += numbers.length;
    }
    return entry;
  });
  const head = Buffer.alloc(directory + (big ? 8 : 2));
  head.write(big ? 'II+\0\x08' : 'II*\0', 'latin1');
  head.writeUInt32LE(directory, big ? 8 : 4);
  head.writeUInt16LE(tags.length, directory);
  return Buffer.concat([head, ...entries, Buffer.alloc(inline), ...data, Buffer.alloc(40)]);
}

const header = (bytes: Buffer) => readHeader((from, length) => bytes.subarray(from, from + length));

describe('a TIFF', () => {
  const rgb = (bits: number, format: number) =>
    [
      [256, 40],
      [257, 30],
      [258, bits, bits, bits],
      [259, 1],
      [262, 2],
      [277, 3],
      [339, format, format, format],
    ] as const;

  it.each([
    ['of 8 bits', tiff(rgb(8, 1)), { format: 'tiff', width: 40, height: 30 }],
    ['of 16 bits', tiff(rgb(16, 1)), { format: 'tiff', width: 40, height: 30 }],
    ['of 64-bit offsets, turned', tiff([...rgb(8, 1), [274, 6]], true), { format: 'tiff', width: 30, height: 40 }],
    [
      'of RGB in floating point',
      tiff(rgb(32, 3)),
      { problem: 'is a TIFF of a kind that cannot be read (3 × 32 bits, floating point): convert it to PNG' },
    ],
    [
      'of an unknown compression',
      tiff([
        [256, 40],
        [257, 30],
        [258, 8],
        [259, 9999],
        [262, 1],
      ]),
      { problem: 'is a TIFF of a kind that cannot be read (compression 9999): convert it to PNG' },
    ],
  ])('%s', (_kind, bytes, expected) => {
    expect(header(bytes)).toEqual(expected);
  });
});
