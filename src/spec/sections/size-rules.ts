/** Rules between the sizes of `dataset`: resolution and buckets. */
import type { z } from 'zod';
import { type Rule as RuleOf, when } from '../training/rule.ts';
import type { datasetSchema } from './dataset.ts';
import { type batchSizesSchema, largestSide, sidesOf } from './resolution.ts';

type Rule = RuleOf<{
  readonly dataset: z.output<typeof datasetSchema>;
  readonly training: { readonly batch_size_at: z.output<typeof batchSizesSchema> };
}>;

/** The least size of a bucket in pixels, the same as in the schema. */
const LEAST_BUCKET = 64;

export const sizeRules: readonly Rule[] = [
  {
    key: 'dataset.resolution',
    level: 'error',
    check: ({ dataset: d }) => {
      const odd = sidesOf(d.resolution).find((side) => side % 8 !== 0);
      return odd === undefined ? undefined : `must be a multiple of 8, such as ${Math.round(odd / 8) * 8}`;
    },
  },
  {
    key: 'dataset.resolution',
    level: 'error',
    check: ({ dataset: d }) => {
      const sides = sidesOf(d.resolution);
      const twice = sides.find((side, i) => sides.indexOf(side) !== i);
      return twice === undefined ? undefined : `has ${twice} twice: write each size once`;
    },
  },
  {
    key: 'training.batch_size_at',
    level: 'error',
    check: ({ dataset: d, training: { batch_size_at: at } }) => {
      const sides = [d, ...d.sources].flatMap(({ resolution }) => (resolution === null ? [] : sidesOf(resolution)));
      const sizes = at.map(({ resolution }) => resolution);
      const unknown = sizes.find((side) => !sides.includes(side));
      const twice = sizes.find((side, i) => sizes.indexOf(side) !== i);
      if (unknown !== undefined) return `has ${unknown}, which is no size of dataset.resolution (${sides.join(', ')})`;
      return twice === undefined ? undefined : `has ${twice} twice: write each size once`;
    },
  },
  {
    key: 'dataset.bucket_min',
    level: 'error',
    check: ({ dataset: d }) =>
      when(
        d.buckets && d.bucket_min > Math.min(...sidesOf(d.resolution)),
        `must not be above resolution (${Math.min(...sidesOf(d.resolution))})`,
      ),
  },
  {
    key: 'dataset.bucket_max',
    level: 'error',
    check: ({ dataset: d }) =>
      when(
        d.buckets && d.bucket_max < largestSide(d.resolution),
        `must not be below resolution (${largestSide(d.resolution)})`,
      ),
  },
  ...(['bucket_min', 'bucket_max'] as const).map(
    (key): Rule => ({
      key: `dataset.${key}`,
      level: 'error',
      check: ({ dataset: d }) => {
        const below = Math.floor(d[key] / d.bucket_step) * d.bucket_step;
        // The suggested value must also fit the resolution and the range of the key.
        const lowest = key === 'bucket_min' ? LEAST_BUCKET : Math.max(LEAST_BUCKET, largestSide(d.resolution));
        const near = below >= lowest ? below : below + d.bucket_step;
        return when(d.buckets && d[key] % d.bucket_step !== 0, `must be a multiple of bucket_step, such as ${near}`);
      },
    }),
  ),
];
