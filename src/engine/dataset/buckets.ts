/**
 * Aspect-ratio buckets as sd-scripts makes them: every width from `min` to `max` in steps, with the largest height that
 * keeps the area, and the same turned by 90°. An image goes into the bucket with the nearest ratio. Sizes are in
 * pixels. Pure.
 */
export type ImageSize = readonly [width: number, height: number];

export interface BucketOptions {
  /** Side in pixels of the square whose area no bucket exceeds. */
  readonly resolution: number;
  readonly step: number;
  readonly min: number;
  readonly max: number;
  /** False for a single, square bucket. */
  readonly buckets: boolean;
  /**
   * True when images are never enlarged: the bucket is the image's own size, reduced to the area and rounded down to
   * steps.
   */
  readonly noUpscale: boolean;
}

/** All buckets, narrowest first. */
export function bucketList({ resolution, step, min, max }: BucketOptions): readonly ImageSize[] {
  const area = resolution * resolution;
  const sizes = new Map<string, ImageSize>();
  const add = (width: number, height: number) => sizes.set(`${width}x${height}`, [width, height]);
  const square = Math.floor(resolution / step) * step;
  if (square > 0) add(square, square);
  for (let width = Math.ceil(min / step) * step; width <= max; width += step) {
    const height = Math.min(max, Math.floor(area / width / step) * step);
    if (height < min) continue;
    add(width, height);
    add(height, width);
  }
  return [...sizes.values()].sort(([a, x], [b, y]) => a - b || x - y);
}

/** Returns the function that finds an image's bucket. The list of buckets is made once. */
export function bucketChooser(options: BucketOptions): (size: ImageSize) => ImageSize {
  const { resolution } = options;
  if (!options.buckets) return () => [resolution, resolution];
  if (options.noUpscale) return (size) => withoutEnlarging(size, options);
  const sizes = bucketList(options);
  const ratios = sizes.map(([width, height]) => width / height);
  return ([width, height]) => {
    // An image that already has the size of a bucket stays as it is, even where two buckets share a ratio.
    if (sizes.some(([w, h]) => w === width && h === height)) return [width, height];
    const ratio = width / height;
    let best = 0;
    for (let i = 1; i < ratios.length; i += 1) if (distance(ratios, i, ratio) < distance(ratios, best, ratio)) best = i;
    return sizes[best] ?? [resolution, resolution];
  };
}

const distance = (ratios: readonly number[], index: number, ratio: number) =>
  Math.abs((ratios[index] ?? Number.POSITIVE_INFINITY) - ratio);

/** The size reduced to the area if it is larger, then each side rounded down to a step, but not below one step. */
function withoutEnlarging([width, height]: ImageSize, { resolution, step, max }: BucketOptions): ImageSize {
  const scale = Math.min(1, Math.sqrt((resolution * resolution) / (width * height)), max / Math.max(width, height));
  // The small addition keeps 512.0000 from becoming 511.9999 and losing a step.
  const side = (length: number) => Math.max(step, Math.floor((length * scale + 1e-6) / step) * step);
  return [side(width), side(height)];
}
