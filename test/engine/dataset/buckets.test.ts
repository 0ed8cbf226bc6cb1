import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type BucketOptions, bucketChooser, bucketList } from '../../../src/engine/dataset/buckets.ts';

const sdxl: BucketOptions = { resolution: 1024, step: 64, min: 512, max: 2048, buckets: true, noUpscale: false };
const options: fc.Arbitrary<BucketOptions> = fc
  .tuple(
    fc.constantFrom(8, 16, 32, 64),
    fc.integer({ min: 4, max: 16 }),
    fc.integer({ min: 1, max: 4 }),
    fc.integer({ min: 0, max: 16 }),
  )
  .map(([step, side, min, more]) => ({
    resolution: step * side,
    step,
    min: step * min,
    max: step * (side + more),
    buckets: true,
    noUpscale: false,
  }));
const sizes = fc.tuple(fc.integer({ min: 16, max: 8000 }), fc.integer({ min: 16, max: 8000 }));

describe('bucketList', () => {
  it('makes the list of sd-scripts for 512² and its usual limits', () => {
    const list = bucketList({ ...sdxl, resolution: 512, min: 256, max: 1024 });
    const narrow = '256x832 256x896 256x960 256x1024 320x704 320x768 384x640 448x576'.split(' ');
    const wide = '576x448 640x384 704x320 768x320 832x256 896x256 960x256 1024x256'.split(' ');
    expect(list.map((size) => size.join('x'))).toEqual([...narrow, '512x512', ...wide]);
  });

  it('keeps every bucket within the limits, in steps, and never above the area', () => {
    fc.assert(
      fc.property(options, (o) => {
        const list = bucketList(o);
        expect(list.length).toBeGreaterThan(0);
        for (const [width, height] of list) {
          expect((width % o.step) + (height % o.step)).toBe(0);
          expect(Math.min(width, height)).toBeGreaterThanOrEqual(o.min);
          expect(Math.max(width, height)).toBeLessThanOrEqual(o.max);
          expect(width * height).toBeLessThanOrEqual(o.resolution ** 2);
          expect(list).toContainEqual([height, width]);
        }
      }),
    );
  });
});

describe('bucketChooser', () => {
  it('takes the bucket of the nearest ratio', () => {
    fc.assert(
      fc.property(options, sizes, (o, [width, height]) => {
        const [w, h] = bucketChooser(o)([width, height]);
        const best = Math.min(...bucketList(o).map(([x, y]) => Math.abs(x / y - width / height)));
        expect(Math.abs(w / h - width / height)).toBeCloseTo(best, 12);
      }),
    );
  });

  it('leaves an image unchanged that has a bucket of its size', () => {
    fc.assert(
      fc.property(options, fc.nat(), (o, pick) => {
        const list = bucketList(o);
        const size = list[pick % list.length] ?? [0, 0];
        expect(bucketChooser(o)(size)).toEqual(size);
      }),
    );
  });

  it('never enlarges with no_upscale, except up to one step', () => {
    fc.assert(
      fc.property(options, sizes, (o, size) => {
        const [w, h] = bucketChooser({ ...o, noUpscale: true })(size);
        expect((w % o.step) + (h % o.step)).toBe(0);
        expect(w).toBeLessThanOrEqual(Math.max(size[0], o.step));
        expect(h).toBeLessThanOrEqual(Math.max(size[1], o.step));
        expect(Math.max(w, h)).toBeLessThanOrEqual(Math.max(o.max, o.step));
        if (Math.min(w, h) > o.step) expect(w * h).toBeLessThanOrEqual(o.resolution ** 2);
      }),
    );
  });

  it('crops everything to a square when buckets are off', () => {
    expect(bucketChooser({ ...sdxl, buckets: false })([3000, 20])).toEqual([1024, 1024]);
  });
});
