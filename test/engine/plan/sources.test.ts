import { mkdtempSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { HashedScan } from '../../../src/engine/dataset/hash.ts';
import { specSha256 } from '../../../src/engine/plan/identity.ts';
import { planSamples } from '../../../src/engine/plan/samples.ts';
import { keptTags, triggersOf, withAbsoluteSources } from '../../../src/engine/plan/sources.ts';
import { fillSpec } from '../../../src/engine/prepare/fill.ts';
import { runImages } from '../../../src/engine/prepare/images.ts';
import type { RunSpec } from '../../../src/spec/schema.ts';
import { png, writeTree } from '../../helpers/images.ts';
import { testRegistry } from '../../helpers/registry.ts';

type Source = Readonly<Record<string, unknown>>;

const specWith = (sources: readonly Source[], dataset: Source = {}): RunSpec =>
  fillSpec(
    {
      name: 'fox',
      dataset: { path: '/data', trigger: 'zfx', sources, validation_share: 0, ...dataset },
      model: { base: 'sd15' },
    },
    testRegistry,
  ).spec;

const scan = (paths: readonly string[]): HashedScan => ({
  root: '/data',
  images: paths.map((path, i) => ({
    path,
    size: [512, 512],
    format: 'png',
    caption: 'a fox',
    repeats: 1,
    sha256: `${i}`.padStart(2, '0').padEnd(64, 'a'),
  })),
  leftOut: [],
  folders: [],
  others: {},
  otherCaptions: {},
  notes: [],
});

const many = (folder: string, count: number) => Array.from({ length: count }, (_, i) => `${folder}/${i}.png`);
const samplesOf = (sources: readonly Source[], paths: readonly string[], dataset: Source = {}) =>
  planSamples({ spec: specWith(sources, dataset), scan: scan(paths) });

describe('sources in a plan', () => {
  it('without settings of their own leave the plan unchanged', () => {
    const paths = [...many('a', 3), ...many('b', 2), 'c.png'];
    expect(samplesOf([{ path: '/data/a' }, { path: '/data/b' }], paths)).toEqual(samplesOf([], paths));
  });

  it('change captions, repeats and weight of their images, and the innermost source counts', () => {
    const samples = samplesOf(
      [
        { path: '/data/a', trigger: 'red', repeats: 3, loss_weight: 0.5 },
        { path: '/data/a/b', trigger: '', caption_prefix: 'deep', caption_suffix: 'end' },
        { path: '/else', trigger: 'far' },
      ],
      ['a/1.png', 'a/b/1.png', 'ab/1.png', '/else/1.png'],
      { repeats: 2 },
    );
    expect(samples.map(({ caption, repeats, loss_weight }) => [caption, repeats, loss_weight])).toEqual([
      ['red, a fox', 3, 0.5],
      ['deep, a fox, end', 2, 1],
      ['zfx, a fox', 2, 1],
      ['far, a fox', 2, 1],
    ]);
  });

  it('share the uses by their weights, whatever their numbers of images and repeats', () => {
    const uses = (weights: readonly number[], counts: readonly number[]) => {
      const samples = samplesOf(
        weights.map((weight, i) => ({ path: `/data/s${i}`, weight })),
        counts.flatMap((count, i) => many(`s${i}`, count)),
      );
      return counts.map((_, i) =>
        samples.filter(({ path }) => path.startsWith(`s${i}/`)).reduce((sum, { repeats }) => sum + repeats, 0),
      );
    };
    expect(uses([1, 1], [12, 90])).toEqual([90, 90]);
    expect(uses([1, 2], [12, 90])).toEqual([45, 90]);
    expect(uses([3, 1], [10, 10])).toEqual([30, 10]);
    expect(uses([1, 1, 2], [7, 5, 3])).toEqual([7, 7, 14]);
    // No image is ever used less than once.
    expect(uses([0.001, 1], [10, 10])).toEqual([10, 10_000]);
    const samples = samplesOf(
      [
        { path: '/data/a', weight: 1 },
        { path: '/data/b', weight: 1 },
      ],
      [...many('a', 3), ...many('b', 8)],
    );
    const repeats = samples.filter(({ path }) => path.startsWith('a/')).map((one) => one.repeats);
    expect(repeats.toSorted()).toEqual([2, 3, 3]);
  });

  it('give the same uses in any order and place of the images', () => {
    const sources = [
      { path: '/data/a', weight: 1 },
      { path: '/data/b', weight: 1 },
    ];
    const paths = [...many('a', 3), ...many('b', 8)];
    const { images, ...rest } = scan(paths);
    const turned = planSamples({ spec: specWith(sources), scan: { ...rest, images: images.toReversed() } });
    const byId = (samples: ReturnType<typeof planSamples>) => new Map(samples.map(({ id, repeats }) => [id, repeats]));
    expect(byId(turned)).toEqual(byId(samplesOf(sources, paths)));
  });

  it('keep the longest of their triggers together when tags are shuffled', () => {
    const spec = specWith([{ path: '/data/a', trigger: 'red, hat, coat' }], { shuffle_tags: true, keep_tags: 1 });
    expect(keptTags(spec.dataset, triggersOf(spec.dataset))).toBe(3);
  });

  it('have settings of their own for captions, views, sizes and masks', () => {
    const mask = { path: 'mask/1.png', sha256: 'b'.repeat(64), alpha: false };
    const samples = planSamples({
      spec: specWith(
        [
          { path: '/data/a', trigger: 'red, hat', shuffle_tags: true, flip: true, resolution: 256, masks: false },
          { path: '/data/b', crop: 'random', caption_dropout: 0.1, resolution: [512, 256] },
        ],
        { shuffle_tags: false, masks: { from: 'auto' } },
      ),
      scan: scan(['a/1.png', 'b/1.png', 'c/1.png']),
      masks: new Map(['a/1.png', 'b/1.png'].map((path) => [path, mask])),
    });
    const plain = {
      crop: 'center',
      flip: false,
      augment: null,
      shuffle_tags: false,
      keep_tags: 1,
      caption_dropout: 0,
      tag_dropout: 0,
    };
    expect(samples.map(({ path, bucket, own, mask: used }) => [path, bucket[0], own, used !== null])).toEqual([
      ['a/1.png', 256, { ...plain, shuffle_tags: true, flip: true, keep_tags: 2 }, false],
      ['b/1.png', 512, { ...plain, crop: 'random', caption_dropout: 0.1 }, true],
      ['b/1.png', 256, { ...plain, crop: 'random', caption_dropout: 0.1 }, true],
      ['c/1.png', 512, null, false],
    ]);
  });

  it('have variations of their own, or none', () => {
    const varied = { variations: 2, rotate: 5 };
    const of = (augment: unknown, sources: readonly unknown[]) =>
      planSamples({
        spec: specWith(sources as readonly Source[], { augment }),
        scan: scan(['a/1.png', 'b/1.png', 'c/1.png']),
      }).map(({ own }) => (own === null ? 'as all' : (own.augment?.variations ?? 'none')));
    const sources = [
      { path: '/data/a', augment: { variations: 8, zoom: 0.1 } },
      { path: '/data/b', augment: false },
    ];
    expect(of(varied, sources)).toEqual([8, 'none', 'as all']);
    expect(of(null, sources)).toEqual([8, 'none', 'as all']);
    expect(of(varied, [{ path: '/data/a', flip: true }])).toEqual([2, 'as all', 'as all']);
  });

  it('and models that write captions leave the identity of a run alone wherever they lie', () => {
    const spec = specWith([]);
    const sha = (changes: Partial<RunSpec['captions']>) =>
      specSha256({ ...spec, captions: { ...spec.captions, write: 'tags', ...changes } }, () => true);
    expect(sha({ tagger: './tagger' })).toBe(sha({ tagger: '/elsewhere/tagger' }));
    expect(sha({ tagger: './tagger' })).not.toBe(sha({ tagger: 'wd-vit-tagger-v3' }));
    expect(sha({ captioner: '../florence' })).toBe(sha({ captioner: '/models/florence' }));
  });

  it('change the identity of a run by their settings and not by their paths', () => {
    const sha = (sources: readonly Source[]) => specSha256(specWith(sources), () => true);
    expect(sha([{ path: '/a' }])).toBe(sha([{ path: '/b' }]));
    expect(sha([{ path: '/a', weight: 2 }])).not.toBe(sha([{ path: '/a' }]));
    expect(sha([{ path: '/a', flip: true }])).not.toBe(sha([{ path: '/a' }]));
    // A setting that came later is no part of the identity at its default: a run of an earlier version stays the same
    // run.
    const spec = specWith([{ path: '/a' }]);
    const before = spec.dataset.sources.map(({ path, role, repeats, weight, loss_weight, ...rest }) => {
      const { trigger, caption_prefix, caption_suffix, default_caption } = rest;
      const texts = { trigger, caption_prefix, caption_suffix, default_caption };
      return { path, role, repeats, weight, loss_weight, ...texts } as RunSpec['dataset']['sources'][number];
    });
    const older = { ...spec, dataset: { ...spec.dataset, sources: before } };
    expect(specSha256(older, () => true)).toBe(specSha256(spec, () => true));
  });

  it('are refused where they contradict themselves', () => {
    for (const sources of [
      [{ path: 'a', repeats: 2, weight: 1 }],
      [{ path: 'a', role: 'validation', repeats: 2 }],
      [{ path: 'a' }, { path: 'a' }],
    ])
      expect(() => specWith(sources)).toThrow('do not fit together');
  });
});

describe('the images of a run with sources', () => {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'vt-sources-')));
  writeTree(dir, {
    'data/own.png': png(40, 30, 1),
    'data/own.txt': 'mine',
    'data/few/a.png': png(40, 30, 2),
    'data/reg/r.png': png(40, 30, 3),
    'data/reg/s.png': png(40, 30, 4),
    'data/reg/s.txt': 'a woman',
    'far/b.png': png(40, 30, 5),
    'far/b.txt': 'far away',
    'far/twin.png': png(40, 30, 1),
    'held/v.png': png(40, 30, 6),
  });
  const images = (sources: readonly Source[], path = 'data') => {
    const spec = withAbsoluteSources(specWith(sources, { path: join(dir, path) }), dir);
    return runImages({ spec, dir, places: { home: join(dir, 'home'), cache: join(dir, 'cache') } });
  };

  it('come from all sources, each once, in its role', async () => {
    const {
      scan: train,
      regularisation,
      validation,
      sources,
    } = await images([
      { path: 'data/few', trigger: 'few', repeats: 4 },
      { path: 'far', weight: 2 },
      { path: 'data/reg', role: 'regularisation', default_caption: 'woman', loss_weight: 0.5 },
      { path: 'held', role: 'validation' },
    ]);
    expect(train.images.map(({ path, caption }) => [path, caption])).toEqual([
      [join(dir, 'far/b.png'), 'far away'],
      ['few/a.png', null],
      ['own.png', 'mine'],
    ]);
    expect(train.leftOut).toEqual([
      {
        path: join(dir, 'far/twin.png'),
        reason: 'duplicate',
        problem: 'is the same picture as own.png, in another source',
      },
    ]);
    // A folder that is a source is not passed over any more.
    expect(train.notes).toEqual([]);
    expect(regularisation?.images.map(({ path, caption }) => [path, caption])).toEqual([
      [join(dir, 'data/reg/r.png'), 'woman'],
      [join(dir, 'data/reg/s.png'), 'a woman'],
    ]);
    expect(validation?.images.map(({ path }) => path)).toEqual([join(dir, 'held/v.png')]);
    expect(sources).toEqual([
      `${join(dir, 'data/few')}: 1 picture, each 4 times, trigger few`,
      `${join(dir, 'far')}: 2 pictures, weight 2`,
      `${join(dir, 'data/reg')}: 2 pictures, regularisation, loss × 0.5`,
      `${join(dir, 'held')}: 1 picture, validation`,
    ]);
  });

  it('have captions from the place that their own source names', async () => {
    writeTree(dir, { 'named/red fox.png': png(40, 30, 7), 'plain/grey owl.png': png(40, 30, 8) });
    const found = await images([{ path: 'named', caption_from: ['file_name'] }, { path: 'plain' }]);
    expect(found.scan.images.map(({ path, caption }) => [path, caption])).toEqual([
      [join(dir, 'named/red fox.png'), 'red fox'],
      [join(dir, 'plain/grey owl.png'), null],
      ['few/a.png', null],
      ['own.png', 'mine'],
    ]);
  });

  it('are captioned by the name of their own folder, where it says what they show', async () => {
    writeTree(dir, {
      'wild/10_red fox/a.png': png(40, 30, 9),
      'wild/10_red fox/grey cub/b.png': png(40, 30, 10),
      'wild/train/c.png': png(40, 30, 11),
      'kept_back/d.png': png(40, 30, 12),
    });
    const named = { caption_from: ['folder'] };
    const numbered = await images([{ path: 'wild/10_red fox', ...named }], 'wild/10_red fox');
    const found = await images(
      [
        { path: 'data/few', ...named },
        { path: 'wild/10_red fox', ...named },
        { path: 'wild/train', ...named },
        { path: 'far', role: 'regularisation', default_caption: 'bird', ...named },
        { path: 'kept_back', role: 'validation', ...named },
      ],
      'data',
    );
    const captions = (of: typeof found.scan | undefined) =>
      of?.images.map(({ path, caption }) => [path.slice(path.lastIndexOf('/') + 1), caption]);
    expect(captions(numbered.scan)).toEqual([
      ['a.png', 'red fox'],
      ['b.png', 'grey cub'],
    ]);
    expect(captions(found.scan)).toEqual([
      ['a.png', 'red fox'],
      ['b.png', 'grey cub'],
      ['c.png', null],
      ['a.png', 'few'],
      ['own.png', 'mine'],
    ]);
    expect(captions(found.regularisation)).toEqual([
      ['b.png', 'far away'],
      ['twin.png', 'far'],
    ]);
    expect(captions(found.validation)).toEqual([['d.png', null]]);
  });

  it('are planned with their role, weight and captions', async () => {
    const list = [
      { path: 'data/reg', role: 'regularisation', default_caption: 'woman', loss_weight: 0.5 },
      { path: 'held', role: 'validation' },
    ];
    const found = await images(list);
    const spec = withAbsoluteSources(specWith(list, { path: join(dir, 'data'), validation_share: 0.4 }), dir);
    const samples = planSamples({
      spec,
      scan: found.scan,
      ...(found.regularisation && { regularisation: found.regularisation }),
      ...(found.validation && { validation: found.validation }),
    });
    expect(
      samples.map(({ path, caption, validation, regularisation, loss_weight }) => [
        path,
        caption,
        validation ? 'validation' : regularisation ? 'regularisation' : 'train',
        loss_weight,
      ]),
    ).toEqual([
      ['few/a.png', 'zfx', 'train', 1],
      ['own.png', 'zfx, mine', 'train', 1],
      [join(dir, 'data/reg/r.png'), 'woman', 'regularisation', 0.5],
      [join(dir, 'data/reg/s.png'), 'a woman', 'regularisation', 0.5],
      [join(dir, 'held/v.png'), 'zfx', 'validation', 1],
    ]);
  });

  it('may come from sources alone, but there must be some', async () => {
    const only = await images([{ path: 'far/../far' }, { path: 'data/few' }], 'data/few');
    expect(only.scan.images.map(({ path }) => path)).toContain(join(dir, 'far/b.png'));
    await expect(images([{ path: 'data/reg', role: 'regularisation' }], 'data/reg')).rejects.toThrow('no pictures');
    await expect(images([{ path: 'nowhere' }])).rejects.toThrow('There is no folder');
  });
});

describe('regularisation images that the base draws', () => {
  const made = (regularisation: Source, paths = many('a', 4)) =>
    samplesOf([], paths, { regularisation }).filter(({ generated }) => generated !== null);

  it('take the prompts in turn, and the sizes of the training images', () => {
    const images = made({ prompts: ['a fox', 'a red fox'], count: 5, weight: 0.5 });
    expect(images.map(({ caption }) => caption)).toEqual(['a fox', 'a red fox', 'a fox', 'a red fox', 'a fox']);
    expect(new Set(images.map(({ id }) => id)).size).toBe(5);
    expect(new Set(images.map(({ generated }) => generated?.seed)).size).toBe(5);
    for (const image of images)
      expect(image).toMatchObject({ regularisation: true, loss_weight: 0.5, size: image.bucket, bucket: [512, 512] });
  });

  it('are the same for the same settings, and others for another seed or prompt', () => {
    const hashes = (regularisation: Source) => made(regularisation).map(({ sha256 }) => sha256);
    expect(hashes({ prompts: ['a fox'], count: 3 })).toEqual(hashes({ prompts: ['a fox'], count: 3 }));
    expect(hashes({ prompts: ['a cat'], count: 3 })).not.toEqual(hashes({ prompts: ['a fox'], count: 3 }));
    // A larger number keeps the images that were there.
    expect(hashes({ prompts: ['a fox'], count: 4 }).slice(0, 3)).toEqual(hashes({ prompts: ['a fox'], count: 3 }));
  });

  it('need a folder or a prompt', () => {
    expect(() => specWith([], { regularisation: { class_word: 'fox' } })).toThrow(/do not fit together/u);
  });
});
