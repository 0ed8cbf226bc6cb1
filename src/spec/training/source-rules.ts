/** Rules for sources of images. */
import { type Rule as RuleOf, when } from './rule.ts';

interface Ruled {
  readonly dataset: {
    readonly sources: readonly {
      readonly path: string;
      readonly role: string;
      readonly repeats: number | null;
      readonly weight: number | null;
      readonly resolution: number | readonly number[] | null;
    }[];
    readonly buckets: boolean;
    readonly bucket_min: number;
    readonly bucket_max: number;
  };
}

type Rule = RuleOf<Ruled>;

export const sourceRules: readonly Rule[] = [
  {
    key: 'dataset.sources',
    level: 'error',
    check: ({ dataset: d }) => {
      const both = d.sources.find(({ repeats, weight }) => repeats !== null && weight !== null);
      return when(both !== undefined, `${both?.path}: give repeats or weight, which say the same in two ways`);
    },
  },
  {
    key: 'dataset.sources',
    level: 'error',
    check: ({ dataset: d }) => {
      const counted = d.sources.find((one) => one.role !== 'train' && (one.repeats !== null || one.weight !== null));
      return when(counted !== undefined, `${counted?.path}: repeats and weight are for role: train`);
    },
  },
  {
    key: 'dataset.sources',
    level: 'error',
    check: ({ dataset: d }) => {
      const twice = d.sources.find(({ path }, i) => d.sources.findIndex((one) => one.path === path) !== i);
      return when(twice !== undefined, `${twice?.path} stands there twice`);
    },
  },
  {
    key: 'dataset.sources',
    level: 'error',
    check: ({ dataset: d }) => {
      const sides = d.sources.flatMap(({ path, resolution }) =>
        resolution === null ? [] : [resolution].flat().map((side) => ({ path, side })),
      );
      const odd = sides.find(({ side }) => side % 8 !== 0);
      if (odd !== undefined) return `${odd.path}: resolution ${odd.side} must be a multiple of 8`;
      const [low, high] = [d.bucket_min, d.bucket_max];
      const out = d.buckets ? sides.find(({ side }) => side < low || side > high) : undefined;
      return when(
        out !== undefined,
        `${out?.path}: resolution ${out?.side} must lie between bucket_min (${low}) and bucket_max (${high})`,
      );
    },
  },
];
