import { describe, expect, it } from 'vitest';
import type { HashedScan } from '../../../src/engine/dataset/hash.ts';
import { specSha256 } from '../../../src/engine/plan/identity.ts';
import { batchesPerEpoch, batchOf, bucketUses, usesInAll } from '../../../src/engine/plan/lengths.ts';
import { planSamples } from '../../../src/engine/plan/samples.ts';
import { fillSpec } from '../../../src/engine/prepare/fill.ts';
import { findings } from '../../../src/spec/rules.ts';
import type { RunSpec } from '../../../src/spec/schema.ts';
import { testRegistry } from '../../helpers/registry.ts';

const specWith = (dataset: Readonly<Record<string, unknown>>): RunSpec =>
  fillSpec(
    {
      name: 'fox',
      dataset: { path: '/data', validation_share: 0, bucket_step: 64, bucket_min: 256, ...dataset },
      model: { base: 'sd15' },
    },
    testRegistry,
  ).spec;

const scan = (sizes: readonly (readonly [number, number])[]): HashedScan => ({
  root: '/data',
  images: sizes.map((size, i) => ({
    path: `${i}.png`,
    size,
    format: 'png',
    caption: 'a fox',
    repeats: 1,
    sha256: `${i}`.padEnd(64, 'a'),
  })),
  leftOut: [],
  folders: [],
  others: {},
  otherCaptions: {},
  notes: [],
});

const placed = (dataset: Readonly<Record<string, unknown>>, sizes: readonly (readonly [number, number])[]) =>
  planSamples({ spec: specWith(dataset), scan: scan(sizes) });
const ids = (images: ReturnType<typeof placed>) => images.map(({ id, bucket }) => [id.slice(16), bucket.join('×')]);

describe('several resolutions', () => {
  it('with one entry equal that resolution, down to the bytes of the plan', () => {
    const sizes = [
      [1024, 1024],
      [700, 500],
    ] as const;
    expect(placed({ resolution: [512] }, sizes)).toEqual(placed({ resolution: 512 }, sizes));
  });

  it('use each image at each size that is not larger than it, whatever their order', () => {
    const sizes = [
      [1024, 1024],
      [600, 600],
      [200, 200],
    ] as const;
    for (const resolution of [
      [512, 384],
      [384, 512],
    ])
      expect(ids(placed({ resolution }, sizes))).toEqual([
        ['', '512×512'],
        ['@384', '384×384'],
        ['', '512×512'],
        ['@384', '384×384'],
        ['', '384×384'],
      ]);
  });

  it('count one use where an image that is not enlarged has one bucket at both', () => {
    expect(ids(placed({ resolution: [512, 384], no_upscale: true }, [[400, 400]]))).toEqual([['', '384×384']]);
  });

  it('keep images that are held out at the largest size only', () => {
    const images = placed(
      { resolution: [512, 384], validation_share: 0.5 },
      Array.from({ length: 8 }, () => [600, 600] as const),
    );
    const held = images.filter(({ validation }) => validation);
    expect(held.length).toBeGreaterThan(0);
    expect(held.every(({ bucket }) => bucket[0] === 512)).toBe(true);
    expect(images.filter(({ validation }) => !validation)).toHaveLength(2 * (8 - held.length));
  });

  it('give buckets of one size one sequence of batches', () => {
    const images = placed({ resolution: [512, 384] }, [
      [1024, 1024],
      [384, 384],
    ]);
    expect(batchesPerEpoch(images, () => 4)).toBe(2);
  });

  it('that are drawn share out the uses of images with the same sizes, and make every epoch as long as with one', () => {
    const large = Array.from({ length: 5 }, () => [1024, 1024] as const);
    const images = placed({ resolution: [512, 384], resolution_use: 'draw' }, [...large, [200, 200]]);
    expect(Object.fromEntries(bucketUses(images, 'draw'))).toEqual({ '512x512': 3, '384x384': 3 });
    expect(usesInAll(images, 'draw')).toBe(6);
    expect([batchesPerEpoch(images, () => 2, 'draw'), batchesPerEpoch(images, () => 2)]).toEqual([4, 6]);
    const once = placed({ resolution: 512, resolution_use: 'draw' }, large);
    expect(bucketUses(once, 'draw')).toEqual(bucketUses(once, 'each'));
  });

  it('have batch sizes of their own where that is asked for', () => {
    const large = Array.from({ length: 8 }, () => [1024, 1024] as const);
    const images = placed({ resolution: [512, 384, 256] }, large);
    const at = [
      { resolution: 384, batch_size: 4 },
      { resolution: 256, batch_size: 8 },
    ];
    const batch = batchOf({ batch_size: 2, batch_size_at: at });
    expect([512 ** 2, 640 * 384, 384 ** 2, 448 * 320, 256 ** 2].map(batch)).toEqual([2, 2, 4, 4, 8]);
    expect(batchesPerEpoch(images, batch)).toBe(4 + 2 + 1);
    expect(batchOf({ batch_size: 2, batch_size_at: at }, 3)(256 ** 2)).toBe(24);
  });

  it('are those that a batch size of its own is for', () => {
    const spec = specWith({ resolution: [512, 384] });
    const said = (...sides: number[]) =>
      findings(
        {
          ...spec,
          training: { ...spec.training, batch_size_at: sides.map((resolution) => ({ resolution, batch_size: 2 })) },
        },
        'error',
      ).map(({ key, message }) => `${key} ${message}`);
    expect(said(384)).toEqual([]);
    expect(said(256)).toEqual(['training.batch_size_at has 256, which is no size of dataset.resolution (512, 384)']);
    expect(said(384, 384)).toEqual(['training.batch_size_at has 384 twice: write each size once']);
  });

  it('that are drawn are part of the identity of a run, and the default is not', () => {
    const of = (dataset: Readonly<Record<string, unknown>>) => specSha256(specWith(dataset), () => true);
    const sides = { resolution: [512, 384] };
    expect(of({ ...sides, resolution_use: 'each' })).toBe(of(sides));
    expect(of({ ...sides, resolution_use: 'draw' })).not.toBe(of(sides));
  });

  it('are refused when one is repeated, invalid, or outside the bucket limits', () => {
    const { dataset: d, ...rest } = specWith({ resolution: 512 });
    const said = (resolution: number[], more = {}) =>
      findings({ ...rest, dataset: { ...d, resolution, ...more } }, 'error').map(
        ({ key, message }) => `${key} ${message}`,
      );
    expect(said([512, 512])).toEqual(['dataset.resolution has 512 twice: write each size once']);
    expect(said([512, 385])).toEqual(['dataset.resolution must be a multiple of 8, such as 384']);
    expect(said([512, 128])).toEqual(['dataset.bucket_min must not be above resolution (128)']);
    expect(said([512, 384], { bucket_max: 448 })).toEqual(['dataset.bucket_max must not be below resolution (512)']);
  });
});

describe('variations', () => {
  const warned = (augment: Readonly<Record<string, unknown>>, more = {}) =>
    findings(specWith({ augment, ...more }), 'warning').map(({ message }) => message.split(':')[0]);

  it('that have no effect, or change the colours of a style, give a warning', () => {
    expect(warned({})).toEqual(['changes nothing']);
    expect(warned({}, { flip: true })).toEqual([]);
    expect(warned({ hue: 0.1 }, { goal: 'style' })).toEqual(['changes colours, and a style is learned from them']);
    expect(warned({ rotate: 5 }, { goal: 'style' })).toEqual([]);
  });
});
