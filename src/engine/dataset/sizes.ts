/** Decides at which sizes an image is trained, with one resolution or several. Pure. */

import type { RunSpec } from '../../spec/schema.ts';
import { sidesOf } from '../../spec/sections/resolution.ts';
import { bucketChooser, type ImageSize } from './buckets.ts';

/** An image at one size: its bucket, and the suffix of the image's id for that size. */
export interface BucketAtSize {
  readonly suffix: string;
  readonly bucket: [number, number];
}

/**
 * Returns the function that gives the sizes of an image, the largest first, which has no suffix. An image is not used
 * at sizes with a larger area than its own, but always at the smallest.
 */
export function placer(d: RunSpec['dataset']): (size: ImageSize) => readonly [BucketAtSize, ...BucketAtSize[]] {
  const sides = sidesOf(d.resolution);
  const chooser = (resolution: number) =>
    bucketChooser({
      resolution,
      step: d.bucket_step,
      min: d.bucket_min,
      max: d.bucket_max,
      buckets: d.buckets,
      noUpscale: d.no_upscale,
    });
  const choosers = sides.map((side) => ({ side, bucketOf: chooser(side) }));
  const smallest = sides[sides.length - 1] ?? 0;
  return (size) => {
    const fitting = choosers.filter(({ side }) => side === smallest || side * side <= size[0] * size[1]);
    const placed = fitting.map(({ side, bucketOf }) => ({ side, bucket: [...bucketOf(size)] as [number, number] }));
    // Images that are not enlarged may get the same bucket at several sizes; they are then used once.
    const different = placed.filter(
      ({ bucket }, i) => placed.findIndex((other) => other.bucket.join() === bucket.join()) === i,
    );
    return different.map(({ side, bucket }, i) => ({ suffix: i === 0 ? '' : `@${side}`, bucket })) as unknown as [
      BucketAtSize,
      ...BucketAtSize[],
    ];
  };
}

/** Whether an image of the plan repeats an earlier one at a smaller size. */
export const isFurther = ({ id }: { readonly id: string }): boolean => id.includes('@');
