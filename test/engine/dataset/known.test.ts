/** A folder that was scanned before: only directory entries and stat are read, and no remembered fact is wrong. */
import { mkdtempSync, readdirSync, readFileSync, statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, expect, it, vi } from 'vitest';
import { hashImages } from '../../../src/engine/dataset/hash.ts';
import { scanDataset } from '../../../src/engine/dataset/scan.ts';
import { png, writeTree } from '../../helpers/images.ts';

/** Paths of files that were opened for reading. */
const opened = vi.hoisted((): string[] => []);
vi.mock('node:fs', async (original) => {
  const fs = await original<typeof import('node:fs')>();
  const openSync = (path: string, ...rest: [number]) => {
    opened.push(path);
    return fs.openSync(path, ...rest);
  };
  return { ...fs, openSync };
});
vi.mock('node:fs/promises', async (original) => {
  const fs = await original<typeof import('node:fs/promises')>();
  const open = (path: string, ...rest: [number]) => {
    opened.push(path);
    return fs.open(path, ...rest);
  };
  return { ...fs, open };
});
beforeEach(() => void opened.splice(0));

const folder = (files: Readonly<Record<string, string | Uint8Array>> = {}) => {
  const root = mkdtempSync(join(tmpdir(), 'vt-known-'));
  writeTree(root, files);
  return root;
};
const look = async (root: string, cacheDir: string | null, captionLines = false) =>
  hashImages(await scanDataset(root, { captionExtension: '.txt', captionLines, cacheDir }), { cacheDir });
const openedIn = (root: string) => opened.filter((path) => path.startsWith(`${root}/`));
/** Milliseconds, longer than the tick of a disk's clock: a file that changed within this time is read again. */
const settle = () => sleep(80);

const FILES = {
  'a.png': png(20, 30, 1),
  'a.txt': 'a fox\n sitting',
  'b/b.png': png(20, 20, 2),
  'b/b.json': '{"tags": ["x", "y"]}',
  'b/old.png': png(40, 20, 3),
  'b/old.txt': Buffer.from('caf\xe9', 'latin1'),
  'twin.png': png(20, 20, 2),
  'cut.png': png(20, 20, 4).subarray(0, 60),
  'page.jpg': '<html>',
};

it('opens no file of a folder that it knows, and gives the same result', async () => {
  const [root, cacheDir] = [folder(FILES), folder()];
  await settle();
  const bare = await look(root, null);
  opened.splice(0);
  expect(await look(root, cacheDir)).toEqual(bare);
  expect(openedIn(root).length).toBeGreaterThan(8);
  opened.splice(0);
  expect(await look(root, cacheDir)).toEqual(bare);
  expect(openedIn(root)).toEqual([]);
  expect((await look(root, cacheDir, true)).images[0]?.caption).toBe('a fox\nsitting');
  expect(openedIn(root)).toEqual([]);
});

it('reads files that are new, changed or renamed, and only those', async () => {
  const [root, cacheDir] = [folder(FILES), folder()];
  await settle();
  await look(root, cacheDir);
  opened.splice(0);
  const { atime, mtime } = statSync(join(root, 'a.txt'));
  writeFileSync(join(root, 'a.txt'), 'a cat\n sitting');
  utimesSync(join(root, 'a.txt'), atime, mtime);
  writeTree(root, { 'new.png': png(20, 20, 9) });
  const { images } = await look(root, cacheDir);
  expect(images.map(({ path, caption }) => [path, caption])).toEqual([
    ['a.png', 'a cat sitting'],
    ['b/b.png', 'x, y'],
    ['b/old.png', 'caf\u00e9'],
    ['new.png', null],
  ]);
  expect([...new Set(openedIn(root))].toSorted()).toEqual([join(root, 'a.txt'), join(root, 'new.png')]);
  await settle();
  await look(root, cacheDir);
  opened.splice(0);
  await look(root, cacheDir);
  expect(openedIn(root)).toEqual([]);
});

it('does not believe a time stamp so new that the file may have changed again under it', async () => {
  const [root, cacheDir] = [folder({ 'a.png': png(20, 20, 1) }), folder()];
  vi.useFakeTimers({ toFake: ['Date'], now: Math.floor(statSync(join(root, 'a.png')).ctimeMs) + 1 });
  try {
    await look(root, cacheDir);
  } finally {
    vi.useRealTimers();
  }
  opened.splice(0);
  await look(root, cacheDir);
  expect(openedIn(root).length).toBe(2);
});

it('ignores a cache that is damaged anywhere, cut anywhere or empty', async () => {
  const [root, cacheDir] = [folder(FILES), folder()];
  await settle();
  const bare = await look(root, null);
  await look(root, cacheDir);
  const images = join(cacheDir, 'pictures');
  const names = readdirSync(images);
  expect(names.length).toBe(2);
  for (const name of names) {
    const path = join(images, name);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const good = readFileSync(path);
    for (let at = 0; at < good.length; at += 23) {
      const bad = Buffer.from(good);
      bad.writeUInt8((bad[at] ?? 0) ^ 0x55, at);
      writeFileSync(path, bad);
      expect(await look(root, cacheDir), `${name} at ${at}`).toEqual(bare);
      if (at % 5 !== 0) continue;
      writeFileSync(path, good);
      truncateSync(path, at);
      expect(await look(root, cacheDir), `${name} cut at ${at}`).toEqual(bare);
    }
  }
});

it('is right whichever of several programs writes last, and keeps what an interrupted scan found', async () => {
  const [root, cacheDir] = [folder(FILES), folder()];
  await settle();
  const bare = await look(root, null);
  const all = await Promise.all([1, 2, 3, 4].map(() => look(root, cacheDir)));
  for (const one of all) expect(one).toEqual(bare);
  expect(readdirSync(join(cacheDir, 'pictures')).length).toBe(2);

  const cold = folder();
  const many = folder(Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`${i}.png`, png(20, 20, i)])));
  await settle();
  const scan = await scanDataset(many, { captionExtension: '.txt' });
  const stop = new AbortController();
  const onProgress = (done: number) => void (done === 3 && stop.abort());
  await expect(hashImages(scan, { cacheDir: cold, signal: stop.signal, onProgress })).rejects.toThrow();
  opened.splice(0);
  await hashImages(scan, { cacheDir: cold });
  expect(openedIn(many).length).toBeLessThanOrEqual(17);
});

it('works where nothing can be written', async () => {
  const root = folder(FILES);
  expect((await look(root, '/proc/nowhere')).images.length).toBe(3);
});
