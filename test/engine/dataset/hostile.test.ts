/**
 * Folders that somebody made to do harm, or that a broken disk left: no link leads out, no file blocks, and none ends
 * the whole scan.
 */
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hashImages } from '../../../src/engine/dataset/hash.ts';
import { scanDataset } from '../../../src/engine/dataset/scan.ts';
import { walkFolder } from '../../../src/engine/dataset/walk.ts';
import { png, writeTree } from '../../helpers/images.ts';

const folder = (files: Readonly<Record<string, string | Uint8Array>> = {}) => {
  const root = mkdtempSync(join(tmpdir(), 'vt-hostile-'));
  writeTree(root, files);
  return root;
};
const scan = (root: string) => scanDataset(root, { captionExtension: '.txt' });
const hashed = async (root: string) => hashImages(await scan(root), { cacheDir: null });

describe('links that lead out of a data set', () => {
  it('are named, and no text behind them becomes a caption', async () => {
    const secret = folder({
      credentials: 'aws_secret = 1',
      'Private/x.png': png(20, 20, 7),
      'Private/x.txt': 'a diary',
    });
    const root = folder({ 'a.png': png(20, 20, 1), 'b.png': png(20, 20, 2), 'b.txt': 'a fox' });
    symlinkSync(join(secret, 'credentials'), join(root, 'a.txt'));
    symlinkSync(join(secret, 'Private'), join(root, 'extra'));
    const { images, notes } = await scan(root);
    expect(images.map(({ path, caption }) => [path, caption])).toEqual([
      ['a.png', null],
      ['b.png', 'a fox'],
      ['extra/x.png', null],
    ]);
    expect(notes).toEqual([
      'a.txt, extra/ are links that lead out of the folder: images behind are used, captions are not read',
      'a.txt, extra/x.txt outside of the folder not read as captions: copy in what is meant',
    ]);
  });

  it('are followed where they stay inside', async () => {
    const root = folder({ 'a.png': png(20, 20), 'words/a.txt': 'a fox' });
    symlinkSync('words/a.txt', join(root, 'a.txt'));
    const { images, notes } = await scan(root);
    expect([images[0]?.caption, notes]).toEqual(['a fox', []]);
  });

  it('hold for tables of captions too', async () => {
    const secret = folder({ 'metadata.jsonl': '{"file_name": "a.png", "text": "a secret"}' });
    const root = folder({ 'a.png': png(20, 20) });
    symlinkSync(join(secret, 'metadata.jsonl'), join(root, 'metadata.jsonl'));
    expect((await scan(root)).images[0]?.caption).toBeNull();
  });
});

it('names pipes, dangling links and folders that may not be entered, and goes on', async () => {
  const root = folder({ 'a.png': png(20, 20) });
  execFileSync('sh', ['-c', 'mkfifo pipe.png a.txt'], { cwd: root });
  symlinkSync('nowhere.png', join(root, 'lost.png'));
  symlinkSync('pipe.png', join(root, 'to-pipe.png'));
  symlinkSync('/dev/zero', join(root, 'zero.png'));
  const { images, notes } = await scan(root);
  expect(images.map(({ path }) => path)).toEqual(['a.png']);
  expect(notes.toSorted()).toEqual([
    'a.txt is a pipe or a device',
    'lost.png is a link that leads nowhere',
    'pipe.png is a pipe or a device',
    'to-pipe.png is a link to a pipe or a device',
    'zero.png is a link to a pipe or a device',
  ]);
});

it('does not wait for a pipe that took the place of an image after the scan', async () => {
  const root = folder({ 'a.png': png(20, 20), 'b.png': png(20, 20, 1) });
  const found = await scan(root);
  execFileSync('sh', ['-c', 'rm a.png && mkfifo a.png'], { cwd: root });
  const { leftOut } = await hashImages(found, { cacheDir: null });
  expect(leftOut).toEqual([{ path: 'a.png', reason: 'unreadable', problem: 'is a pipe or a device' }]);
});

it('folders nested too deep are reported in one line', () => {
  const root = folder({ 'a.png': png(20, 20) });
  // The folders are nested deeper than a path may be long. To make them, one half is moved into the other.
  const half = Array(12).fill('d'.repeat(200)).join('/');
  execFileSync('sh', ['-c', `mkdir -p ${half} other/${half} && mv other ${half}`], { cwd: root });
  const { folders, closed } = walkFolder(root);
  expect(folders[0]?.files).toEqual(['a.png']);
  expect(closed.map(({ problem }) => problem)).toEqual(['lies too deep to be opened']);
  execFileSync('rm', ['-rf', root]);
});

it.skipIf(process.getuid?.() === 0)('one folder that may not be opened is one line', () => {
  const root = folder({ 'a.png': png(20, 20) });
  mkdirSync(join(root, 'closed'), { mode: 0 });
  expect(walkFolder(root).closed).toEqual([{ path: 'closed', problem: 'may not be opened: permission denied' }]);
});

describe('images that cost more than they are worth', () => {
  it('leaves out an image that is as thin as a thread', async () => {
    const root = folder({ 'a.png': png(20, 20), 'thread.png': png(16, 2000), 'strip.png': png(16, 800) });
    const { leftOut } = await scan(root);
    expect(leftOut).toEqual([
      {
        path: 'thread.png',
        reason: 'too_long',
        problem: 'is 16×2000 pixels, over 50 times as long as wide: cut out what matters',
      },
    ]);
  });

  it('reads the fill bytes of a JPEG in few pieces, and not for ever', async () => {
    const { readHeader } = await import('../../../src/engine/dataset/headers/image-header.ts');
    const fill = Buffer.concat([Buffer.from([0xff, 0xd8]), Buffer.alloc(40 << 20, 0xff)]);
    let reads = 0;
    const result = readHeader((from, length) => {
      reads += 1;
      return fill.subarray(from, from + length);
    });
    expect(result).toEqual({ problem: 'is damaged and cannot be read' });
    expect(reads).toBeLessThan(1000);
  });

  it('does not read a sparse file of terabytes', async () => {
    const jpeg = Buffer.from('ffd8ffc0000b080010001001011100ffda000801010000003f0000', 'hex');
    const root = folder({ 'a.png': png(20, 20), 'sparse.jpg': jpeg });
    truncateSync(join(root, 'sparse.jpg'), 2 ** 42);
    const { leftOut } = await hashed(root);
    expect(leftOut).toEqual([
      { path: 'sparse.jpg', reason: 'unreadable', problem: 'has 4.4 TB, more than an image can need' },
    ]);
  });

  it('holds at most one piece of a large file in memory', async () => {
    const root = folder({ 'a.png': png(20, 20) });
    for (const name of ['b.jpg', 'c.jpg', 'd.jpg', 'e.jpg']) {
      writeFileSync(join(root, name), Buffer.from('ffd8ffc0000b080010001001011100ffda000801010000003f0000', 'hex'));
      const file = openSync(join(root, name), 'r+');
      ftruncateSync(file, 60 << 20);
      closeSync(file);
    }
    const before = process.memoryUsage().arrayBuffers;
    const { leftOut } = await hashed(root);
    expect(leftOut.map(({ problem }) => problem)).toEqual(Array(4).fill('is cut short and cannot be read'));
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(50 << 20);
  });
});
