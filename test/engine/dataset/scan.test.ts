import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../../../src/base/errors.ts';
import { byCodePoint } from '../../../src/base/text.ts';
import { hashImages } from '../../../src/engine/dataset/hash.ts';
import { folderRepeats } from '../../../src/engine/dataset/names.ts';
import { scanDataset } from '../../../src/engine/dataset/scan.ts';
import { png, writeTree } from '../../helpers/images.ts';

const fixtures = join(import.meta.dirname, '../../fixtures/images');
const folder = (files: Readonly<Record<string, string | Uint8Array>> = {}) => {
  const root = mkdtempSync(join(tmpdir(), 'vt-scan-'));
  writeTree(root, files);
  return root;
};
const scan = (root: string, captionExtension = '.txt') => scanDataset(root, { captionExtension });
const failure = async (promise: Promise<unknown>): Promise<UsageError> => {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof UsageError)) throw new Error(`not a UsageError: ${String(error)}`);
  return error;
};

describe('scanDataset', () => {
  it('takes any layout, in the order of code points', async () => {
    const root = folder({
      'b.PNG': png(20, 30),
      'a.png': png(20, 30),
      'sub/deep/c.png': png(40, 20),
      '10_fox/d.png': png(40, 20),
      '\u{1f98a}.png': png(20, 20),
      '\uff21.png': png(20, 20),
      'new\nline.png': png(20, 20),
    });
    const { images, folders } = await scan(root);
    expect(images.map(({ path, repeats }) => `${path} ${repeats}`)).toEqual([
      '10_fox/d.png 10',
      'a.png 1',
      'b.PNG 1',
      'new\nline.png 1',
      'sub/deep/c.png 1',
      '\uff21.png 1',
      '\u{1f98a}.png 1',
    ]);
    expect(folders).toContainEqual({ path: '10_fox', images: 1, repeats: 10 });
  });

  it('pairs pictures with captions of any encoding', async () => {
    const root = folder({
      'bom.png': png(20, 20),
      'bom.txt': '\ufeffa fox',
      'wide.png': png(20, 20, 1),
      'wide.txt': Buffer.from('\ufeffa f\u00f6x', 'utf16le'),
      'old.png': png(20, 20, 2),
      'old.txt': Buffer.from('caf\u00e9', 'latin1'),
      'lines.png': png(20, 20, 3),
      'lines.TXT': ' a fox,\r\n\tsitting \u001b[31m\n',
      'double.png': png(20, 20, 4),
      'double.png.txt': 'twice',
      'empty.png': png(20, 20, 5),
      'empty.txt': ' \n',
      'none.png': png(20, 20, 6),
      'none.caption': 'x',
      'binary.png': png(20, 20, 7),
      'binary.txt': 'a\0b',
      'long.png': png(20, 20, 8),
      'long.txt': 'x'.repeat(70_000),
      'README.txt': 'hello',
    });
    const { images, otherCaptions, notes } = await scan(root);
    expect(Object.fromEntries(images.map(({ path, caption }) => [path, caption]))).toEqual({
      'bom.png': 'a fox',
      'wide.png': 'a f\u00f6x',
      'old.png': 'caf\u00e9',
      'lines.png': 'a fox, sitting [31m',
      'double.png': 'twice',
      'empty.png': null,
      'none.png': null,
      'binary.png': null,
      'long.png': null,
    });
    expect(otherCaptions).toEqual({ '.caption': 1 });
    expect(notes.join('\n')).toMatch(/old\.txt is not UTF-8.*\n|binary\.txt is not text/u);
    expect((await scan(root, '.caption')).images.find(({ path }) => path === 'none.png')?.caption).toBe('x');
  });

  it('leaves out what cannot be used, and says why', async () => {
    const root = folder({
      'good.png': png(20, 20),
      'empty.jpg': '',
      'page.jpg': '<html>',
      'icon.png': png(8, 30),
      'huge.png': Buffer.concat([
        png(20, 20).subarray(0, 16),
        Buffer.from([0, 1, 0, 0, 0, 1, 0, 0]),
        png(20, 20).subarray(24),
      ]),
      '0_skip/x.png': png(20, 20),
      '.hidden/x.png': png(20, 20),
      '.x.png': png(20, 20),
      '__MACOSX/._good.png': 'junk',
      'photo.jxl': 'x',
      'notes.md': 'x',
      LICENSE: 'x',
    });
    const { images, leftOut, others } = await scan(root);
    expect(images.map(({ path }) => path)).toEqual(['good.png']);
    expect(leftOut.map(({ path, reason }) => `${path} ${reason}`)).toEqual([
      '0_skip/x.png zero_repeats',
      'empty.jpg unreadable',
      'huge.png too_large',
      'icon.png too_small',
      'page.jpg unreadable',
    ]);
    expect(others).toEqual({ '.jxl': 1, '.md': 1, '': 1 });
  });

  it('follows links, and never in circles', async () => {
    const outside = folder({ 'linked.png': png(20, 20, 9) });
    const root = folder({ 'a.png': png(20, 20), 'sub/b.png': png(20, 20, 1) });
    symlinkSync('..', join(root, 'sub', 'up'));
    symlinkSync(outside, join(root, 'link'));
    symlinkSync(join(outside, 'linked.png'), join(root, 'file.png'));
    symlinkSync('/nowhere', join(root, 'broken.png'));
    expect((await scan(root)).images.map(({ path }) => path)).toEqual([
      'a.png',
      'file.png',
      'link/linked.png',
      'sub/b.png',
    ]);
  });

  it('changes nothing in the folder', async () => {
    const root = folder({ 'a.png': png(20, 20), 'a.txt': 'fox' });
    const before = statSync(join(root, 'a.png'));
    chmodSync(root, 0o555);
    await hashImages(await scan(root), { cacheDir: null });
    chmodSync(root, 0o755);
    expect(statSync(join(root, 'a.png')).mtimeMs).toBe(before.mtimeMs);
  });

  it('reads the real pictures of every format', async () => {
    const expected = JSON.parse(readFileSync(join(fixtures, 'expected.json'), 'utf8')) as Record<string, unknown>;
    const { images } = await hashImages(await scan(fixtures), { cacheDir: null });
    expect(Object.fromEntries(images.map(({ path, size }) => [path, size]))).toEqual(expected);
  });
});

describe('what is no data set', () => {
  it('suggests the folder that was meant', async () => {
    const root = folder({ 'foxes/a.png': png(20, 20) });
    const error = await failure(scan(join(root, 'foxs')));
    expect(error.message).toBe(`There is no folder ${join(root, 'foxs')}.`);
    expect(error.nextSteps).toEqual([`Did you mean ${join(root, 'foxes')}?`]);
    expect(error.exitCode).toBe(2);
  });

  it('says that a file is no folder', async () => {
    const root = folder({ 'a.png': png(20, 20) });
    expect((await failure(scan(join(root, 'a.png')))).message).toMatch(/is a file/);
  });

  it('counts which files are there instead of images, with a cure', async () => {
    const root = folder({ 'a.jxl': 'x', 'b.jxl': 'x', 'a.txt': 'x' });
    const error = await failure(scan(root));
    expect([error.message, ...error.details, ...error.nextSteps]).toEqual([
      `The folder ${root} has no pictures we can read.`,
      'It holds 3 files: 2 .jxl, 1 .txt.',
      'JPEG XL cannot be read here. Convert it first:   mogrify -format png *.jxl',
    ]);
  });

  it('says that an empty folder is empty', async () => {
    expect((await failure(scan(folder()))).details).toEqual(['It is empty.']);
  });

  it('names the images when none of them can be read', async () => {
    const error = await failure(scan(folder({ 'a.png': '' })));
    expect(error.details).toEqual(['It holds 1 file: 1 unusable picture.', 'a.png is empty (0 bytes)']);
  });
});

describe('hashPictures', () => {
  it('finds copies and files that are cut short', async () => {
    const jpeg = readFileSync(join(fixtures, 'progressive.jpg'));
    const root = folder({
      'a.png': png(20, 20),
      'copy.png': png(20, 20),
      'half.png': png(20, 20, 3).subarray(0, 60),
      'half.webp': readFileSync(join(fixtures, 'alpha.webp')).subarray(0, 100),
      'half.jpg': jpeg.subarray(0, jpeg.length - 40),
      'film.jpg': Buffer.concat([readFileSync(join(fixtures, 'turned-1.jpg')), Buffer.alloc(200_000)]),
    });
    const { images, leftOut, folders } = await hashImages(await scan(root), { cacheDir: null });
    expect(images.map(({ path }) => path)).toEqual(['a.png', 'film.jpg']);
    expect(leftOut.map(({ path, problem }) => `${path} ${problem}`)).toEqual([
      'copy.png is the same picture as a.png',
      'half.jpg is cut short and cannot be read',
      'half.png is cut short and cannot be read',
      'half.webp is cut short and cannot be read',
    ]);
    expect(folders).toEqual([{ path: '', images: 2, repeats: 1 }]);
  });

  it('remembers hashes, and notices a changed file even when its size and time are put back', async () => {
    const cacheDir = folder();
    const root = folder({ 'a.png': png(20, 20, 1), 'b.png': png(20, 20, 2) });
    const first = await hashImages(await scan(root), { cacheDir });
    const { atime, mtime } = statSync(join(root, 'a.png'));
    writeFileSync(join(root, 'a.new'), png(20, 20, 5));
    renameSync(join(root, 'a.new'), join(root, 'a.png'));
    utimesSync(join(root, 'a.png'), atime, mtime);
    const second = await hashImages(await scan(root), { cacheDir });
    expect(second.images[1]?.sha256).toBe(first.images[1]?.sha256);
    expect(second.images[0]?.sha256).not.toBe(first.images[0]?.sha256);
  });

  it('stops when asked to', async () => {
    const root = folder({ 'a.png': png(20, 20) });
    const found = await scan(root);
    await expect(hashImages(found, { cacheDir: null, signal: AbortSignal.abort() })).rejects.toThrow();
  });
});

it.each([
  ['10_fox', 10],
  ['fox', 1],
  ['3_a/b', 3],
  ['3_a/5_b', 5],
  ['10fox', 1],
  ['0_x', 0],
  ['99999_x', 10_000],
  ['2024_trip', 2024],
])('%s asks for %i repeats', (path, repeats) => {
  expect(folderRepeats(path)).toBe(repeats);
});

it('sorts by code point, as Python does', () => {
  expect(['\u{1f98a}', '\uff21', 'b', 'a', 'aa'].sort(byCodePoint)).toEqual(['a', 'aa', 'b', '\uff21', '\u{1f98a}']);
});

it('creates no cache for a folder that is not there', async () => {
  const root = join(folder(), 'none');
  await failure(scan(root));
  expect(() => mkdirSync(root)).not.toThrow();
});
