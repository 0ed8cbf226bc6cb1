/** The key of the section `training` for an average of the LoRA's weights. */
import { z } from 'zod';
import { count, doc, part } from './doc.ts';

/** A moving average of the weights. Samples, validation and saved files use it in place of the weights themselves. */
export const emaSchema = z.strictObject({
  decay: part(
    z.number().min(0.5).max(0.99999).default(0.999),
    'How much of the average stays at each update, from small at the start up to this; 0.99 to 0.9999.',
  ),
  every: part(count(1, 10_000).default(1), 'Steps from one update to the next.'),
  start: part(count(0, 10_000_000).default(0), 'Steps before the first update; until then the average is the weights.'),
  save: part(
    z.enum(['ema', 'raw', 'both']).default('ema'),
    'What samples, validation and files have: the average (ema), the weights themselves (raw), or the average with a second file NAME-raw beside each (both).',
  ),
});

export const emaKeys = {
  ema: doc(
    emaSchema.nullable().default(null),
    'Keep a moving average of the weights (EMA); null is off. Training itself is the same with and without.',
    'A smoother LoRA from a high or constant rate: {decay: 0.999}. A run of a few hundred steps wants {decay: 0.99}.',
  ),
};
