/** Captions from inside of image files and from names of files and folders, on request. */
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { scanDataset } from '../../../src/engine/dataset/scan.ts';
import { wordsInside } from '../../../src/engine/dataset/words/inside.ts';
import { wordsOfFolder, wordsOfName } from '../../../src/engine/dataset/words/named.ts';
import { promptWords } from '../../../src/engine/dataset/words/prompt.ts';
import { withText } from '../../../src/engine/publish/png-text.ts';
import { png, writeTree } from '../../helpers/images.ts';
import { pngChunk } from '../../helpers/png-chunk.ts';

const inside = (bytes: Buffer) => wordsInside((from, length) => bytes.subarray(from, from + length));
const SETTINGS = 'Negative prompt: bad hands\nSteps: 20, Sampler: Euler a';

it.each([
  ['a fox, snow', 'a fox, snow'],
  [`a fox\n${SETTINGS}`, 'a fox'],
  ['a fox\nSteps: 4, Seed: 1', 'a fox'],
  ['(a red fox:1.2), ((snow)), [ice], (night sky: .8 )', 'a red fox, snow, ice, night sky'],
  ['<lora:fox_v2:0.8>, fox <hypernet:x:1> , , BREAK forest', 'fox, forest'],
  ['fox \\(animal\\), (smiling \\(happy\\):1.1)', 'fox (animal), smiling (happy)'],
  ['[snow:ice:0.5], [:tail:0.3], [red|blue] fox', 'snow, tail, red fox'],
  ['((((deep))))', 'deep'],
  ['open (bracket, a: b', 'open bracket, a: b'],
  ['ratio 16:9, (time: 12:30)', 'ratio 16:9, time: 12'],
  [SETTINGS, ''],
])('the prompt %j is %j', (given, wanted) => {
  expect(promptWords(given)).toBe(wanted);
});

it('a prompt of nothing but brackets ends soon', () => {
  const began = performance.now();
  promptWords('('.repeat(50_000) + '['.repeat(50_000));
  promptWords(`${'(a'.repeat(20_000)}${')'.repeat(20_000)}`);
  expect(performance.now() - began).toBeLessThan(2000);
});

it.each([
  ['a_red_fox_002', 'a red fox'],
  ['my blue-eyed cat (3)', 'my blue-eyed cat'],
  ['fox-in-snow', 'fox in snow'],
  ['füchse', 'füchse'],
  ['赤い狐', '赤い狐'],
  ['photo of a fox', 'photo of a fox'],
  ['image', undefined],
  ['IMG_1234', undefined],
  ['IMG-20240102-WA0003', undefined],
  ['PXL_20240102_131455.MP', undefined],
  ['20240102_131455', undefined],
  ['Screenshot 2024-01-02 at 13.14.55', undefined],
  ['d41d8cd98f00b204e9800998ecf8427e', undefined],
  ['123e4567-e89b-12d3-a456-426614174000', undefined],
  ['00001-2837465', undefined],
  ['', undefined],
])('the name %j gives the caption %j', (name, words) => {
  expect(wordsOfName(name)).toBe(words);
});

it('a folder name is a caption without its number of repeats', () => {
  expect([wordsOfFolder('a/10_zwx fox/1.png'), wordsOfFolder('1.png'), wordsOfFolder('IMG/1.png')]).toEqual([
    'zwx fox',
    undefined,
    undefined,
  ]);
});

/** An EXIF block with one tag in its first directory, or in the sub-directory for facts of the camera. */
function exif(tag: number, type: number, value: Buffer): Buffer {
  const inMain = tag !== 0x9286;
  const block = Buffer.alloc(44);
  block.write('II*\0', 'latin1');
  block.writeUInt32LE(8, 4);
  const entry = (at: number, [id, kind, count, data]: readonly [number, number, number, number]) => {
    block.writeUInt16LE(1, at);
    block.writeUInt16LE(id, at + 2);
    block.writeUInt16LE(kind, at + 4);
    block.writeUInt32LE(count, at + 6);
    block.writeUInt32LE(data, at + 10);
  };
  if (!inMain) entry(8, [0x8769, 4, 1, 26]);
  entry(inMain ? 8 : 26, [tag, type, value.length, 44]);
  return Buffer.concat([block, value]);
}

const segment = (marker: number, data: Buffer): Buffer => {
  const head = Buffer.from([0xff, marker, 0, 0]);
  head.writeUInt16BE(data.length + 2, 2);
  return Buffer.concat([head, data]);
};
const jpeg = (...segments: readonly Buffer[]) =>
  Buffer.concat([Buffer.from([0xff, 0xd8]), ...segments, Buffer.from([0xff, 0xda, 0, 2])]);
const asExif = (block: Buffer) => segment(0xe1, Buffer.concat([Buffer.from('Exif\0\0'), block]));
const utf16be = (text: string) => Buffer.from(text, 'utf16le').swap16();
const webp = (kind: string, data: Buffer) => {
  const head = Buffer.from(`RIFF\0\0\0\0WEBP${kind}\0\0\0\0`, 'latin1');
  head.writeUInt32LE(data.length, 16);
  return Buffer.concat([head, data]);
};
const xmp = (text: string) =>
  Buffer.from(
    `<x:xmpmeta><rdf:Description><dc:description><rdf:Alt><rdf:li xml:lang="x-default">${text}</rdf:li></rdf:Alt></dc:description></rdf:Description></x:xmpmeta>`,
  );
const drawn = `(a fox:1.2), süß\n${SETTINGS}`;
const plain = png(20, 20);
const packed = Buffer.concat([Buffer.from('Description\0\0'), deflateSync(Buffer.from('ein Fuchs'))]);

it.each<readonly [string, Buffer, string | undefined]>([
  ['parameters of a PNG', withText(plain, 'parameters', 'a fox'), 'a fox'],
  ['parameters beyond Latin-1', withText(plain, 'parameters', `狐\n${SETTINGS}`), '狐'],
  [
    'a packed description',
    Buffer.concat([plain.subarray(0, 33), pngChunk('zTXt', packed), plain.subarray(33)]),
    'ein Fuchs',
  ],
  ['the graph of a workflow', withText(plain, 'prompt', '{"3": {"inputs": {}}}'), undefined],
  ['no text', plain, undefined],
  [
    'a comment in UTF-16, big end first',
    jpeg(asExif(exif(0x9286, 7, Buffer.concat([Buffer.from('UNICODE\0'), utf16be(drawn)])))),
    'a fox, süß',
  ],
  [
    'a comment in UTF-16, little end first',
    jpeg(asExif(exif(0x9286, 7, Buffer.concat([Buffer.from('UNICODE\0'), Buffer.from(drawn, 'utf16le')])))),
    'a fox, süß',
  ],
  ['a description', jpeg(asExif(exif(0x010e, 2, Buffer.from('A dog on grass\0')))), 'A dog on grass'],
  ['what a camera writes', jpeg(asExif(exif(0x010e, 2, Buffer.from('OLYMPUS DIGITAL CAMERA\0')))), undefined],
  ['a title of Windows', jpeg(asExif(exif(0x9c9b, 1, Buffer.from('Ein Hund\0', 'utf16le')))), 'Ein Hund'],
  [
    'XMP of a JPEG',
    jpeg(segment(0xe1, Buffer.concat([Buffer.from('http://ns.adobe.com/xap/1.0/\0'), xmp('Tom &amp; &#x1F98A;')]))),
    'Tom & 🦊',
  ],
  ['EXIF of a WebP', webp('EXIF', exif(0x010e, 2, Buffer.from('A dog\0'))), 'A dog'],
  ['XMP of a WebP', webp('XMP ', xmp('a cat')), 'a cat'],
  ['a comment', jpeg(segment(0xfe, Buffer.from('a hill'))), 'a hill'],
  ['a directory that leads nowhere', jpeg(asExif(Buffer.from('II*\0\xff\xff\xff\x7f', 'latin1'))), undefined],
  ['a file that ends at once', Buffer.from([0xff, 0xd8, 0xff]), undefined],
])('%s', (_what, bytes, wanted) => {
  expect(inside(bytes)).toBe(wanted);
});

/** These files are written by pillow-heif and Pillow, which put EXIF and XMP where phones and editors put them. */
const fixture = (name: string) => readFileSync(join(import.meta.dirname, '../../fixtures/words', name));

it.each([
  ['parameters.avif', 'masterpiece, a fox'],
  ['description.heic', 'an owl at night'],
  ['exif.heic', 'a red fox in the snow'],
])('the text of %s is read, or nothing, however early the file ends or whatever a byte of it is', (name, wanted) => {
  const bytes = fixture(name);
  expect(inside(bytes)).toBe(wanted);
  for (let length = 0; length < bytes.length; length += 1)
    expect(() => inside(bytes.subarray(0, length))).not.toThrow();
  for (let at = 0; at < bytes.length; at += 1) {
    const broken = Buffer.from(bytes);
    broken[at] = 0xff;
    expect(() => inside(broken)).not.toThrow();
  }
});

it('the sources are asked in their order, after files of captions, and counted', async () => {
  const root = mkdtempSync(join(tmpdir(), 'vt-elsewhere-'));
  writeTree(root, {
    'a fox.png': withText(png(20, 20, 1), 'parameters', drawn),
    'a hill.png': png(20, 20, 2),
    '3_red car/IMG_1.png': png(20, 20, 3),
    'own.png': withText(png(20, 20, 4), 'parameters', 'not this'),
    'own.txt': 'mine',
  });
  const cacheDir = mkdtempSync(join(tmpdir(), 'vt-cache-'));
  const scan = (captionFrom: readonly ('image' | 'file_name' | 'folder')[]) =>
    scanDataset(root, { captionExtension: '.txt', captionFrom, cacheDir });
  const captions = async (...from: readonly ('image' | 'file_name' | 'folder')[]) =>
    (await scan(from)).images.map(({ caption }) => caption);
  expect(await captions()).toEqual([null, null, null, 'mine']);
  expect(await captions('image', 'file_name', 'folder')).toEqual(['red car', 'a fox, süß', 'a hill', 'mine']);
  expect(await captions('file_name')).toEqual([null, 'a fox', 'a hill', 'mine']);
  const { notes } = await scan(['image', 'file_name', 'folder']);
  expect(notes).toEqual([
    '1 image captioned from inside the file',
    '1 image captioned from the name of the file',
    '1 image captioned from the name of the folder',
  ]);
});
