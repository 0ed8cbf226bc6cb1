import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { styleFor } from '../../../src/terminal/style.ts';
import { folderLines } from '../../../src/wizard/notes.ts';
import { countImages, nearestImages, suggestPaths } from '../../../src/wizard/sources/folders.ts';
import { readFolder } from '../../../src/wizard/sources/sources.ts';
import { png } from '../../helpers/png.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'visiontrain-folders-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function files(folder: string, ...names: string[]): void {
  mkdirSync(join(dir, folder), { recursive: true });
  for (const name of names) writeFileSync(join(dir, folder, name), '');
}

it('reads captions that end as most of them do', async () => {
  const read = async (folder: string, captions: Readonly<Record<string, string>>) => {
    mkdirSync(join(dir, folder));
    for (const [i, name] of ['a', 'b', 'c'].entries())
      writeFileSync(
        join(dir, folder, `${name}.png`),
        png(40 + i, 30, (x, y) => [x, y, i]),
      );
    for (const [name, text] of Object.entries(captions)) writeFileSync(join(dir, folder, name), text);
    const found = await readFolder(join(dir, folder), { home: join(dir, 'home'), cache: join(dir, 'cache') });
    return typeof found === 'string' ? found : [found.captionExtension, found.captioned];
  };
  expect(await read('kohya', { 'a.caption': 'a fox', 'b.caption': 'a cub' })).toEqual(['.caption', 2]);
  expect(await read('mixed', { 'a.caption': 'a fox', 'b.txt': 'a cub' })).toEqual([undefined, 1]);
  expect(await read('plain', { 'a.txt': 'a fox' })).toEqual([undefined, 1]);
});

describe('a folder while its path is typed', () => {
  it('counts the files that a data set would use: sub-folders and every format, nothing hidden', async () => {
    files('fox', 'a.png', 'b.JPEG', 'c.tiff', 'd.gif', 'a.txt', 'notes.md', '.thumb.png');
    files('fox/10_close', 'e.webp', 'e.txt');
    files('fox/.cache', 'x.png');
    files('fox/__MACOSX', 'y.png');
    expect(await countImages(join(dir, 'fox'))).toEqual({ images: 5, captions: 2, folders: 1, open: false });
    expect(await suggestPaths('', 'pictures', dir)).toEqual([{ value: 'fox/', note: '5 pictures, 2 captions' }]);
  });

  it('says that there are more when it stops counting', async () => {
    for (let i = 0; i < 20; i += 1) files(`fox/${i}`, 'a.png');
    const [fox] = await suggestPaths('', 'pictures', dir);
    expect(fox?.note).toBe('over 15 pictures');
  });

  it('is not led in circles by links', async () => {
    files('fox', 'a.png');
    symlinkSync(join(dir, 'fox'), join(dir, 'fox', 'again'));
    expect((await countImages(join(dir, 'fox'))).images).toBe(1);
  });

  it('is offered at once when it is the one with the most images, also in sd-scripts layout', async () => {
    expect(await nearestImages(dir)).toBeUndefined();
    files('few', 'a.png');
    files('train/img/10_fox', 'a.png', 'b.png');
    expect(await nearestImages(dir)).toBe('train');
    files('.', 'here.png');
    expect(await nearestImages(dir)).toBe('.');
  });
});

describe('a folder that was read', () => {
  it('counts what the run will use: no image twice, and none that is cut short', async () => {
    files('fox');
    const whole = png(64, 64, (x, y) => [x, y, 0]);
    for (const [name, bytes] of [
      ['a.png', whole],
      ['again.png', whole],
      ['cut.png', png(64, 65, (x, y) => [y, x, 0]).subarray(0, 600)],
    ] as const)
      writeFileSync(join(dir, 'fox', name), bytes);
    writeFileSync(join(dir, 'fox', 'again.txt'), 'a fox');
    const facts = await readFolder(join(dir, 'fox'), { cache: join(dir, 'cache'), home: join(dir, 'home') });
    expect(facts).toMatchObject({ images: 3, usable: 1, captioned: 1 });
    expect(typeof facts === 'string' ? [] : facts.problems).toEqual([
      'a.png is the same picture as again.png: left out',
      'cut.png is cut short and cannot be read: left out',
    ]);
  });

  it('says how often the pictures of numbered folders are used', async () => {
    for (const folder of ['10_fox', '2_den', 'plain']) {
      files(folder);
      writeFileSync(
        join(dir, folder, 'a.png'),
        png(64, 64, (x, y) => [x, y, folder.length]),
      );
    }
    const facts = await readFolder(dir, { cache: join(dir, 'cache'), home: join(dir, 'home') });
    if (typeof facts === 'string') throw new Error(facts);
    const style = styleFor({ colour: 0, unicode: true });
    expect(folderLines(facts, style, 80)).toEqual(
      expect.arrayContaining([
        '  10_fox/: 1 picture, each used 10 times, as its name says',
        '  2_den/: 1 picture, each used 2 times, as its name says',
      ]),
    );
  });
});
