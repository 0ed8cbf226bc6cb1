/**
 * More than 400 oddities in one folder, each with the verdict that is expected: used, with which caption, or left out and
 * why. Nothing in the folder is changed by looking at it.
 */
import { chmodSync, lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hashImages } from '../../../src/engine/dataset/hash.ts';
import { scanDataset } from '../../../src/engine/dataset/scan.ts';
import { png, writeTree } from '../../helpers/images.ts';

type Verdict = { readonly caption: string | null } | { readonly reason: string };
interface Case {
  readonly path: string;
  readonly verdict: Verdict;
}

const fixtures = join(import.meta.dirname, '../../fixtures/images');
const readable = Object.keys(JSON.parse(readFileSync(join(fixtures, 'expected.json'), 'utf8')) as object);
const files: Record<string, Buffer | string> = {};
const cases: Case[] = [];
let seed = 0;
/** A small image that differs from every other one. */
const image = (width = 20, height = 20) => {
  seed += 1;
  return png(width, height, seed);
};
function add(path: string, bytes: Buffer | string, verdict: Verdict): void {
  files[path] = bytes;
  cases.push({ path, verdict });
}
/** An image with a file beside it that is meant as its caption. */
function captioned(path: string, words: Buffer | string, caption: string | null, ending = '.txt'): void {
  add(`${path}.png`, image(), { caption });
  files[`${path}${ending}`] = words;
}

// Sizes on both sides of each bound.
for (const [width, height, reason] of [
  ...[1, 2, 8, 15].flatMap((side) => [[side, side, 'too_small'] as const, [side, 64, 'too_small'] as const]),
  ...[1, 2, 8, 15].map((side) => [64, side, 'too_small'] as const),
  ...[16, 17, 31, 64].flatMap((side) => [
    [side, side, null] as const,
    [side, 40, null] as const,
    [40, side, null] as const,
  ]),
  ...[16, 17].flatMap((side) => [[side, side * 50, null] as const, [side, side * 50 + 1, 'too_long'] as const]),
  ...[16, 17].flatMap((side) => [[side * 50, side, null] as const, [side * 50 + 1, side, 'too_long'] as const]),
] as const)
  add(`sizes/${width}x${height} ${seed}.png`, image(width, height), reason === null ? { caption: null } : { reason });

// Odd file names.
const NAMES = [
  ...[
    'a b',
    ' a',
    'a.b.c',
    'a..b',
    '-a',
    '--help',
    '~',
    '~a',
    '$HOME',
    '`id`',
    '$(id)',
    'a;b',
    'a&b',
    'a|b',
    'a>b',
    'a*b',
  ],
  ...[
    'a?b',
    'a[b]',
    'a{b}',
    "a'b",
    'a"b',
    'a\\b',
    'a#b',
    'a%20b',
    'a%b',
    'a@b',
    'a=b',
    'a+b',
    'a,b',
    'a:b',
    'a!b',
    '(a)',
    'CON',
  ],
  ...[
    'füchse',
    'fu\u0308chse2',
    '狐',
    'лиса',
    'ثعلب',
    'שועל',
    '👩‍🚀',
    'a\u200bb',
    'a\u202eb',
    '\u00a0a',
    'é'.repeat(60),
    'x'.repeat(200),
  ],
  ...[
    'a\nb',
    'a\tb',
    'a\rb',
    'a\u001b[31mb',
    'a\u0007b',
    'null',
    'undefined',
    '__proto__',
    'constructor',
    '0',
    '00',
    '1e9',
    'NaN',
  ],
];
for (const name of NAMES)
  captioned(`names/${name}`, `words of ${NAMES.indexOf(name)}`, `words of ${NAMES.indexOf(name)}`);
for (const ending of ['.PNG', '.Png', '.JPG', '.jpeg', '.JFIF', '.WebP', '.BMP', '.gif', '.tiff', '.avif', '.HEIC'])
  add(`endings/a${ending}${ending}`, image(), { caption: null });

// The content of a file decides what it is, not its name.
for (const name of readable)
  for (const ending of ['.png', '.jpg', '.webp', '.bmp'])
    add(`called/${name}${ending}`, readFileSync(join(fixtures, name)), { caption: null });

// Images that are cut off within their first bytes.
for (const name of readable)
  for (const length of [0, 1, 2, 3, 5, 8, 9])
    add(`cut/${length} ${name}`, readFileSync(join(fixtures, name)).subarray(0, length), { reason: 'unreadable' });

// Other kinds of files with the name of an image.
for (const [name, bytes] of Object.entries({
  html: '<!doctype html><title>404</title>',
  svg: '<svg xmlns="http://www.w3.org/2000/svg"/>',
  xml: '<?xml version="1.0"?><a/>',
  text: 'not an image',
  json: '{"error": "rate limit"}',
  zip: 'PK\u0003\u0004',
  pdf: '%PDF-1.7\n',
  gzip: Buffer.from([0x1f, 0x8b, 8, 0]),
  nul: Buffer.alloc(4096),
  ones: Buffer.alloc(4096, 0xff),
  jxl: Buffer.from([0xff, 0x0a, 0, 0]),
  film: Buffer.from('\0\0\0\u0018ftypisom\0\0\0\0isomiso2', 'latin1'),
  lfs: 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n',
  psd: '8BPS\0\u0001',
  ico: Buffer.from([0, 0, 1, 0, 1, 0]),
}))
  add(`others/${name}.png`, bytes, { reason: 'unreadable' });

// Captions in each encoding.
const WORDS = [
  'a fox',
  'a, b, c',
  'ein Füchschen',
  '狐, 赤い',
  'a\u3000b',
  '  a  fox ',
  'a\nb',
  'a\r\nb',
  'a\tb',
  '(a:1.2)',
  '1girl',
  '[a',
  '42',
];
const line = (words: string) => words.replaceAll(/\s+/gu, ' ').trim();
const big = (words: string) => Buffer.from(`\ufeff${words}`, 'utf16le').swap16();
for (const [i, words] of WORDS.entries()) {
  captioned(`encodings/${i} utf8`, words, line(words));
  captioned(`encodings/${i} mark`, `\ufeff${words}`, line(words));
  captioned(`encodings/${i} little`, Buffer.from(`\ufeff${words}`, 'utf16le'), line(words));
  captioned(`encodings/${i} big`, big(words), line(words));
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the letters of Latin-1
  if (/^[\u0000-\u00ff]*$/u.test(words)) captioned(`encodings/${i} latin`, Buffer.from(words, 'latin1'), line(words));
}
for (const [i, nothing] of [
  '',
  ' ',
  '\n\n',
  '\ufeff',
  '\t\r\n',
  '\u00a0',
  '\u0000',
  'a\u0000b',
  'x'.repeat(70_000),
  '{}',
  '[]',
  '{"a": 1}',
  '[1, 2]',
  '{"caption": ""}',
  '{"tags": []}',
  '{"caption": 7}',
].entries())
  captioned(`empty/${i}`, nothing, null);
for (const [i, [json, words]] of [
  ['{"caption": "a fox"}', 'a fox'],
  ['{"text": "a fox"}', 'a fox'],
  ['{"prompt": "a fox"}', 'a fox'],
  ['{"tags": "a, b"}', 'a, b'],
  ['{"tags": ["a", "b"]}', 'a, b'],
  ['["a", "b"]', 'a, b'],
  ['{"caption": "", "tags": ["b"]}', 'b'],
  ['{"caption": "a", "tags": "b"}', 'a'],
  ['{"__proto__": {"caption": "x"}, "text": "y"}', 'y'],
  [' \n{"caption": "a\\nb"}', 'a b'],
].entries()) {
  captioned(`json/${i} text`, json ?? '', words ?? null);
  captioned(`json/${i} json`, json ?? '', words ?? null, '.json');
}
for (const [i, ending] of ['.png.txt', '.TXT', '.Txt', ' .txt'].entries())
  captioned(`beside/${i}`, 'words', 'words', ending);

// A PNG may be cut off anywhere before the end of its pixels: its header may then be readable, and reading the pixels
// shows the damage.
const whole = png(40, 40, 9999);
const pixels = whole.length - 12;
const CUTS = Array.from({ length: pixels - 33 }, (_, i) => 33 + i);

let root: string;
let cuts: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'vt-corpus-'));
  writeTree(root, files);
  cuts = mkdtempSync(join(tmpdir(), 'vt-cuts-'));
  writeTree(cuts, {
    ...Object.fromEntries(CUTS.map((at) => [`${at}.png`, whole.subarray(0, at)])),
    'whole.png': whole,
  });
  for (const name of Object.keys(files).slice(0, 40)) chmodSync(join(root, name), 0o444);
});
afterAll(() => {
  for (const each of [root, cuts]) rmSync(each, { recursive: true, force: true });
});

/** Bytes, times and rights of everything in a folder. */
const stamps = (folder: string) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .toSorted()
    .map((name) => {
      const { mode, mtimeMs, ctimeMs, ino, size } = lstatSync(join(folder, name));
      return [name, mode, mtimeMs, ctimeMs, ino, size];
    });

describe('the corpus', () => {
  it('has more than 400 cases', () => {
    expect(new Set(cases.map(({ path }) => path)).size).toBe(cases.length);
    expect(cases.length + CUTS.length).toBeGreaterThan(400);
  });

  it('gets the verdicts that are expected, and is not touched', async () => {
    const before = stamps(root);
    const cacheDir = mkdtempSync(join(tmpdir(), 'vt-corpus-cache-'));
    // A second scan, which uses what the first one remembered, must say the same.
    for (const round of [1, 2]) {
      const { images, leftOut } = await scanDataset(root, { captionExtension: '.txt', cacheDir });
      const found = new Map<string, Verdict>([
        ...images.map(({ path, caption }) => [path, { caption }] as const),
        ...leftOut.map(({ path, reason }) => [path, { reason }] as const),
      ]);
      const wrong = cases.filter(({ path, verdict }) => JSON.stringify(found.get(path)) !== JSON.stringify(verdict));
      expect(wrong.map(({ path, verdict }) => [round, path, verdict, found.get(path)])).toEqual([]);
      expect(found.size).toBe(cases.length);
    }
    expect(stamps(root)).toEqual(before);
    rmSync(cacheDir, { recursive: true });
  });

  it('names every PNG that is cut short', async () => {
    const before = stamps(cuts);
    const { images, leftOut } = await hashImages(await scanDataset(cuts, { captionExtension: '.txt' }), {
      cacheDir: null,
    });
    expect(images.map(({ path }) => path)).toEqual(['whole.png']);
    expect(leftOut.filter(({ reason }) => reason === 'unreadable')).toHaveLength(CUTS.length);
    expect(stamps(cuts)).toEqual(before);
  });
});
