/** How often each bucket is used in an epoch, with one resolution or several. Pure. */
import type { Plan, PlanImage } from './schema.ts';

type ResolutionUse = Plan['data']['resolution_use'];

/**
 * Uses in an epoch by bucket (`1024x768`) of images that are learned, as `trainer/visiontrain_trainer/data/sizes.py` has
 * them. With `draw` each use is at one of the sizes of its image. Images with the same sizes share them out evenly, the
 * first of them having what is over, so that every epoch has as many batches; which image has which is drawn anew.
 * @param images those of the plan without validation and regularisation; sizes of an image follow each other
 */
export function bucketUses(images: readonly PlanImage[], use: ResolutionUse): ReadonlyMap<string, number> {
  const uses = new Map<string, number>();
  const add = (bucket: string, count: number) => uses.set(bucket, (uses.get(bucket) ?? 0) + count);
  if (use === 'each') {
    for (const { bucket, repeats } of images) add(bucket.join('x'), repeats);
    return uses;
  }
  for (const [sizes, count] of usesBySizes(images)) {
    const buckets = sizes.split(' ');
    for (const [i, bucket] of buckets.entries())
      add(bucket, Math.floor(count / buckets.length) + (i < count % buckets.length ? 1 : 0));
  }
  return uses;
}

/** Uses of the images that have the same buckets, by these in their order. */
function usesBySizes(images: readonly PlanImage[]): ReadonlyMap<string, number> {
  const sizes = new Map<string, { readonly buckets: string[]; readonly repeats: number }>();
  for (const { id, bucket, repeats } of images) {
    const [whole = id] = id.split('@');
    const known = sizes.get(whole) ?? { buckets: [], repeats };
    known.buckets.push(bucket.join('x'));
    sizes.set(whole, known);
  }
  const counts = new Map<string, number>();
  for (const { buckets, repeats } of sizes.values())
    counts.set(buckets.join(' '), (counts.get(buckets.join(' ')) ?? 0) + repeats);
  return counts;
}

/** Uses in an epoch of all images that are learned. */
export const usesInAll = (images: readonly PlanImage[], use: ResolutionUse): number =>
  [...bucketUses(images, use).values()].reduce((sum, count) => sum + count, 0);
