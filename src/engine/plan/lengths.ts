/** Computes lengths in steps: of the run, of its warm-up, of an epoch. Pure. */

import type { RunSpec } from '../../spec/schema.ts';
import { plannedCadence, readCadence } from '../../spec/sections/cadence.ts';
import { isFurther } from '../dataset/sizes.ts';
import type { Plan, PlanImage } from './schema.ts';

/**
 * Optimiser steps of the run. A run of whole epochs ends with the step that takes the last batch of the last epoch.
 */
export function stepsOf({ steps, gradient_accumulation: passes }: RunSpec['training'], batches: number): number {
  const { count, unit } = readCadence(steps);
  return unit === 'epochs' ? Math.ceil((count * batches) / passes) : count;
}

/** Steps of the warm-up, where epochs are converted to steps. */
export function warmupOf({ warmup, steps: length }: RunSpec['training'], steps: number) {
  if (warmup < 1) return { steps: Math.round(warmup * steps), warnings: [] };
  if (warmup < steps) return { steps: warmup, warnings: [] };
  const instead = Math.floor(steps / 10);
  return {
    steps: instead,
    warnings: [
      `training.warmup: ${length} are ${steps} steps, no more than the warm-up of ${warmup}: ${instead} are taken`,
    ],
  };
}

/**
 * How often each regularisation image of a bucket is used in an epoch. All of them together are used as often as the
 * other images, each bucket by its share, and each image at least once.
 */
function regularisationUses(inBucket: number, images: number, uses: number): number {
  return Math.max(1, Math.floor((2 * uses * inBucket + images) / (2 * images)));
}

/** Images in one batch, by the pixels of their bucket. */
type BatchOf = (pixels: number) => number;

/**
 * The function that gives how many images of a bucket are in one batch of all processes: the number of the smallest
 * resolution in `batch_size_at` whose square has as many pixels, else `batch_size`.
 */
export function batchOf(
  { batch_size, batch_size_at }: Pick<Plan['training'], 'batch_size' | 'batch_size_at'>,
  processes = 1,
): BatchOf {
  const sizes = batch_size_at.toSorted((a, b) => a.resolution - b.resolution);
  return (pixels) => (sizes.find(({ resolution }) => pixels <= resolution ** 2)?.batch_size ?? batch_size) * processes;
}

/** The pixels of a bucket such as `1024x768`. */
export const pixelsOf = (bucket: string): number =>
  bucket.split('x').reduce((product, side) => product * Number(side), 1);

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

/**
 * Batches of an epoch: Σ over buckets ⌈uses ÷ batch size⌉. A batch holds images of one shape, and the last batch of a
 * shape may be smaller.
 */
export function batchesPerEpoch(samples: readonly PlanImage[], batchOf: BatchOf, use: ResolutionUse = 'each'): number {
  const trained = samples.filter(({ validation }) => !validation);
  const [own, regularising] = [false, true].map((is) => trained.filter(({ regularisation }) => regularisation === is));
  const uses = new Map(bucketUses(own ?? [], use));
  const others = bucketUses(regularising ?? [], 'each');
  const total = [...uses.values()].reduce((sum, count) => sum + count, 0);
  const images = [...others.values()].reduce((sum, count) => sum + count, 0);
  for (const [bucket, count] of others)
    uses.set(bucket, (uses.get(bucket) ?? 0) + regularisationUses(count, images, total));
  return [...uses].reduce((sum, [bucket, count]) => sum + Math.ceil(count / batchOf(pixelsOf(bucket))), 0);
}

/** How many intermediate LoRA files are kept; undefined where they are saved by the clock and all are kept. */
export function savesOf({ training: t, output }: Pick<Plan, 'training' | 'output'>): number | undefined {
  const { count, unit } = readCadence(output.save_every);
  if (count === 0) return 0;
  const each = unit === 'epochs' ? (count * t.batches_per_epoch) / t.gradient_accumulation : count;
  const made = unit === 'minutes' ? Number.POSITIVE_INFINITY : Math.ceil(t.steps / each) - 1;
  const kept = Math.min(made, output.save_keep ?? Number.POSITIVE_INFINITY);
  return Number.isFinite(kept) ? kept : undefined;
}

/** The section `validation` of the plan; `images` is the number whose loss is measured at the end. */
export function plannedValidation(spec: RunSpec, steps: number, all: readonly PlanImage[]): Plan['validation'] {
  const { every, patience, min_change, images } = spec.validation;
  const trained = all.filter((s) => !s.validation && !s.regularisation && !isFurther(s)).length;
  const most = Math.min(trained, images ?? imagesInTime(spec, steps));
  return {
    every: every === null ? null : plannedCadence(every),
    images: most < LEAST_IMAGES ? 0 : most,
    patience,
    min_change,
  };
}

/** With fewer images than this, unusual losses cannot be told from usual ones; the trainer has the same number. */
const LEAST_IMAGES = 8;
/**
 * Forward passes to measure the loss of an image: four timesteps, before and after training. A step takes as long as
 * three passes of each of its images.
 */
const PASSES = 8;
const PASSES_OF_STEP = 3;

/** On how many images the loss can be measured within a twentieth of the time of the steps. */
const imagesInTime = ({ training: t }: RunSpec, steps: number) =>
  Math.min(256, Math.floor((steps * t.batch_size * t.gradient_accumulation * PASSES_OF_STEP) / PASSES / 20));
