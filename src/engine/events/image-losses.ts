/**
 * Reads image-losses.json of a run folder: the loss of each image before and after training, and what follows from it.
 */
import { z } from 'zod';
import type { Payload } from './schema.ts';

const image = z.strictObject({
  path: z.string().describe('As in the plan: relative to the data set, or absolute for another folder.'),
  id: z.string(),
  before: z.number().describe('Mean loss at the timesteps, with fixed noise and the weights that training began from.'),
  after: z.number().describe('The same with the weights after `step`.'),
});

export const imageLossesSchema = z.strictObject({
  version: z.literal(1),
  step: z.number().int().min(0),
  timesteps: z.array(z.number().int()),
  compared_with: z
    .enum(['held_out', 'others'])
    .describe('What images known by heart gained more than: images kept out of training, or the other ones.'),
  images: z.array(image.extend({ kind: z.enum(['learned', 'never', 'by_heart']) })),
  held_out: z.array(image).describe('Images kept out of training.'),
});

type ImageLosses = Payload<'image_losses'>;

/** The sentence about images that were never learned; undefined where there is none. */
export function neverWords({ never, never_count: count }: ImageLosses): string | undefined {
  return count === 0 ? undefined : `${names(never, count)} (a wrong caption, or the odd one out?)`;
}

/** The sentence about images that were learned by heart; undefined where there is none. */
export function byHeartWords({ by_heart: known, by_heart_count: count, compared_with, images }: ImageLosses) {
  if (count === 0) return undefined;
  const than = compared_with === 'held_out' ? 'pictures kept out of training' : 'the others';
  const all = count === images ? `all ${count} that were measured` : names(known, count);
  return `${all} (their loss fell far more than that of ${than})`;
}

const SHOWN = 4;

function names(paths: readonly string[], count: number): string {
  const shown = paths.slice(0, SHOWN);
  return `${shown.join(', ')}${count > shown.length ? ` and ${count - shown.length} more` : ''}`;
}
