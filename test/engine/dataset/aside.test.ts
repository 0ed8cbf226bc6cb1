/** Files and folders that other trainers, NAS boxes and operating systems leave beside the images. */
import { mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../../../src/base/errors.ts';
import { type ScanOptions, scanDataset } from '../../../src/engine/dataset/scan.ts';
import { png, writeTree } from '../../helpers/images.ts';

let made = 0;
/** A folder of these files; each image is another one. */
function folder(names: readonly string[]): string {
  const root = mkdtempSync(join(tmpdir(), 'vt-aside-'));
  for (const name of names) {
    made += 1;
    writeTree(root, { [name]: name.endsWith('.png') ? png(20, 20, made) : name.endsWith('.txt') ? 'a fox' : '{}' });
  }
  return root;
}
async function look(names: readonly string[], options: Partial<ScanOptions> = {}) {
  const { images, notes } = await scanDataset(folder(names), { captionExtension: '.txt', ...options });
  return { used: images.map(({ path }) => path), notes };
}

describe('masks and condition images', () => {
  it.each(['a-masklabel.png', 'a-condlabel.png', 'a_mask.png', 'a.mask.png'])('%s beside a.png', async (mask) => {
    const { used, notes } = await look(['a.png', 'a.txt', mask]);
    expect(used).toEqual(['a.png']);
    expect(notes).toEqual([
      `${mask}: passed over as masks and condition images of another trainer, 1 image; dataset.include in run.yaml takes them in`,
    ]);
  });

  it.each(['masks', 'mask', 'conditioning', 'conditioning_images', 'Masks'])(
    'a folder %s of the same names',
    async (name) => {
      const { used, notes } = await look(['train/a.png', 'train/b.png', `${name}/a.png`, `${name}/b.png`]);
      expect(used).toEqual(['train/a.png', 'train/b.png']);
      expect(notes[0]).toMatch(/^\w+\/: passed over as masks .* 2 images;/u);
    },
  );

  it.each([
    ['that belong to nothing', ['hats/1.png', 'masks/rome.png', 'masks/venice.png']],
    ['with captions of their own', ['hats/1.png', 'masks/1.png', 'masks/1.txt']],
    ['that are all there is', ['masks/1.png', 'masks/2.png']],
  ])('masks %s are images like any other', async (_what, names) => {
    const { used, notes } = await look(names);
    expect(used).toEqual(names.filter((name) => name.endsWith('.png')));
    expect(notes).toEqual([]);
  });

  it('a_mask.png alone, or with a caption, is an image like any other', async () => {
    expect((await look(['a_mask.png', 'b.png', 'b_mask.png', 'b_mask.txt'])).used).toEqual([
      'a_mask.png',
      'b.png',
      'b_mask.png',
    ]);
  });
});

describe('folders of other trainings', () => {
  it('takes img/ of a project of kohya_ss, and says what of the rest is left', async () => {
    const { used, notes } = await look([
      'img/10_zwx toy/a.png',
      'reg/1_toy/b.png',
      'model/sample/c.png',
      'model/zwx.safetensors',
      'log/d.png',
    ]);
    expect(used).toEqual(['img/10_zwx toy/a.png']);
    expect(notes).toEqual([
      'reg/: passed over as regularisation images, which mean the opposite of the subject, 1 image; dataset.sources with role: regularisation uses them as such, dataset.include as the subject',
      'log/, model/: passed over as folders beside img/ in a project folder of kohya_ss, 2 images; dataset.include in run.yaml takes them in',
      '1 image without a caption in a folder named for "zwx toy": sd-scripts would caption them so, and here dataset.default_caption would',
    ]);
  });

  it.each(['reg', 'regs', 'regularization', 'regularisation_images', '1_reg', 'reg_data'])(
    '%s holds no images of the subject',
    async (name) => {
      expect((await look(['a.png', `${name}/x.png`])).used).toEqual(['a.png']);
    },
  );

  it.each(['regina', 'region', 'model', 'log', 'samples'])('%s is a folder of images like any other', async (name) => {
    expect((await look(['a.png', `${name}/x.png`])).used).toEqual(['a.png', `${name}/x.png`]);
  });

  it('says why nothing is left', async () => {
    const error = await look(['reg/a.png']).catch((thrown: unknown) => thrown);
    if (!(error instanceof UsageError)) throw new Error('no UsageError');
    expect(error.details.join('\n')).toMatch(/No image is left.*\nreg\/: passed over as regularisation/u);
  });

  it('samples are known by a trained file beside them, or by the names a trainer gives', async () => {
    const drawn = 'samples/zwx_000100_00_20240131120000_42.png';
    expect((await look(['a.png', 'sample/x.png', 'zwx.safetensors'])).used).toEqual(['a.png']);
    expect((await look(['a.png', drawn])).used).toEqual(['a.png']);
  });

  it('a run folder is known by its files, wherever it lies', async () => {
    const run = ['plan.json', 'events.jsonl', 'samples/base-0.png'].map((name) => `runs/fox/${name}`);
    const { used, notes } = await look(['a.png', ...run]);
    expect(used).toEqual(['a.png']);
    expect(notes).toEqual(['runs/fox/: passed over as folders of runs; dataset.include in run.yaml takes them in']);
  });

  it('the folder of visiontrain itself is not entered', async () => {
    const root = folder(['a.png', 'home/cache/x.png']);
    const { images } = await scanDataset(root, { captionExtension: '.txt', own: [join(root, 'home')] });
    expect(images.map(({ path }) => path)).toEqual(['a.png']);
  });
});

it('passes over what systems leave', async () => {
  const left = [
    '@eaDir',
    '$RECYCLE.BIN',
    '.Trash-1000',
    '.thumbnails',
    '.AppleDouble',
    '#recycle',
    'lost+found',
    '.git',
    'System Volume Information',
  ];
  const { used, notes } = await look(['a.png', ...left.map((name) => `${name}/a.png`), 'Thumbs/a.png']);
  expect(used).toEqual(['a.png']);
  expect(notes).toHaveLength(2);
  expect(notes.join('\n')).toMatch(
    /\$RECYCLE\.BIN\/.* and 5 more: passed over as hidden folders.*\n?Thumbs\/: .*thumbnails of images that are here, 1 image/su,
  );
});

it.each([
  ['reg', ['a.png', 'reg/x.png']],
  ['sub/reg/', ['a.png', 'sub/reg/x.png']],
  ['a_mask.png', ['a.png', 'a_mask.png']],
])('include %s takes it in', async (name, names) => {
  expect(await look(names, { include: [name] })).toEqual({ used: names, notes: [] });
});

it('an empty folder of such a name is not mentioned', async () => {
  const root = folder(['a.png']);
  mkdirSync(join(root, 'reg'));
  expect((await scanDataset(root, { captionExtension: '.txt' })).notes).toEqual([]);
});
