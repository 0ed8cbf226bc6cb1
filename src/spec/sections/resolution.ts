/** `dataset.resolution`: one training size, or several that a run trains on side by side. */
import { z } from 'zod';
import { count, part } from '../training/doc.ts';

const side = count(64, 4096);

export const resolutionSchema = z.union([side, z.array(side).min(1).max(8)]);

/** What an epoch does with several resolutions: use each picture at each of them, or draw one for each use. */
export const resolutionUses = ['each', 'draw'] as const;

/** Batch sizes of single resolutions, in place of `training.batch_size`. */
export const batchSizesSchema = z
  .array(
    z.strictObject({
      resolution: part(side, 'One of the sizes of dataset.resolution.'),
      batch_size: part(count(1, 1024), 'Pictures of that size in one forward pass.'),
    }),
  )
  .max(8);

export type Resolution = z.output<typeof resolutionSchema>;

/** The sizes, the largest first. */
export const sidesOf = (resolution: Resolution): readonly number[] => [resolution].flat().toSorted((a, b) => b - a);

/** The largest size, which samples have and at which the validation loss is measured. */
export const largestSide = (resolution: Resolution): number => Math.max(...[resolution].flat());

/** The sizes in words: `1024 px`, `1024 and 768 px`. */
export const sidesText = (resolution: Resolution): string => `${sidesOf(resolution).join(' and ')} px`;
