import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { UsageError } from '../../../src/base/errors.ts';
import type { HashedScan } from '../../../src/engine/dataset/hash.ts';
import { findMasks } from '../../../src/engine/dataset/masks.ts';

const place = mkdtempSync(join(tmpdir(), 'vt-masks-'));

function scanOf(name: string, files: readonly string[], images: readonly string[]): HashedScan {
  const root = join(place, name);
  for (const file of files) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), file);
  }
  return {
    root,
    images: images.map((path) => ({
      path,
      size: [64, 64],
      format: path.endsWith('.jpg') ? 'jpeg' : 'png',
      caption: null,
      repeats: 1,
      sha256: path.padEnd(64, '0').slice(0, 64),
    })),
    leftOut: [],
    folders: [],
    others: {},
    otherCaptions: {},
    notes: [],
  };
}

const pairs = (masks: ReadonlyMap<string, { readonly path: string }>) =>
  Object.fromEntries([...masks].map(([image, { path }]) => [image, path]));

it('finds masks beside their images and in folders named mask', async () => {
  const files = [
    'a.png',
    'a-masklabel.png',
    'b.jpg',
    'b.mask.webp',
    'x/c.png',
    'x/mask/c.png',
    'masks/x/d.png',
    'x/d.png',
  ];
  const scan = scanOf(
    'auto',
    [...files, 'lost-masklabel.png', 'e.png'],
    ['a.png', 'b.jpg', 'x/c.png', 'x/d.png', 'e.png'],
  );
  const { masks, notes } = await findMasks(scan, 'auto', place);
  expect(pairs(masks)).toEqual({
    'a.png': 'a-masklabel.png',
    'b.jpg': 'b.mask.webp',
    'x/c.png': 'x/mask/c.png',
    'x/d.png': 'masks/x/d.png',
  });
  expect(masks.get('a.png')).toMatchObject({ sha256: expect.stringMatching(/^[0-9a-f]{64}$/), alpha: false });
  expect(notes).toEqual([
    '1 picture without a mask (e.png): learned whole',
    '1 mask of no picture (lost-masklabel.png): not used',
  ]);
});

it('finds masks in a folder of their own, by path or by name', async () => {
  const scan = scanOf('own', ['x/a.png', 'b.png'], ['x/a.png', 'b.png']);
  scanOf('own-masks', ['a.png', 'b-masklabel.jpg'], []);
  const { masks, notes } = await findMasks(scan, 'own-masks', place);
  expect(pairs(masks)).toEqual({
    'x/a.png': join(place, 'own-masks/a.png'),
    'b.png': join(place, 'own-masks/b-masklabel.jpg'),
  });
  expect(notes).toEqual([]);
});

it('takes masks with the very names of the pictures from a folder of their own', async () => {
  const scan = scanOf('alike', ['a.png', 'x/b.png'], ['a.png', 'x/b.png']);
  scanOf('alike-masks', ['a.png', 'x/b.png'], []);
  const { masks } = await findMasks(scan, 'alike-masks', place);
  expect(pairs(masks)).toEqual({
    'a.png': join(place, 'alike-masks/a.png'),
    'x/b.png': join(place, 'alike-masks/x/b.png'),
  });
});

it('takes the transparency of files that can have one', async () => {
  const scan = scanOf('alpha', ['a.png', 'b.jpg'], ['a.png', 'b.jpg']);
  const { masks, notes } = await findMasks(scan, 'alpha', place);
  expect([...masks.keys()]).toEqual(['a.png']);
  expect(masks.get('a.png')).toMatchObject({ path: 'a.png', alpha: true, sha256: scan.images[0]?.sha256 });
  expect(notes).toEqual(['1 picture without a mask (b.jpg): learned whole']);
});

it('refuses a folder that is not there, and one without any mask', async () => {
  const scan = scanOf('none', ['a.png'], ['a.png']);
  await expect(findMasks(scan, 'nowhere', place)).rejects.toThrow(UsageError);
  await expect(findMasks(scan, 'auto', place)).rejects.toThrow(/no picture has a mask/);
});
