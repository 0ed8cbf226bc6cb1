/** Estimates how much of a card's memory a step takes, from measured peaks: bench/results/trainer-memory.txt. Pure. */

import { formatBytes } from '../../base/text.ts';
import type { Gpu } from '../hardware/types.ts';
import { mostCaptions } from './caption-forms.ts';
import type { Plan } from './schema.ts';

type Checkpointing = Plan['resources']['gradient_checkpointing'];

const GIB = 2 ** 30;
/** Bytes for the driver's context and for the allocator's rounding: 0.9 to 1.1 GiB on the measured cards. */
const CARD_ITSELF = 1 * GIB;

/** Number of different captions that the trainer encodes before it loads the U-Net (`CACHE_LIMIT` in its text.py). */
export const CAPTIONS_IN_ADVANCE = 16_384;

/**
 * GiB of tensors at the peak in 16-bit training. `fixed` is always there, `rank` comes for each unit of rank, and
 * `picture` for each image of `pixels` pixels in the batch, by gradient checkpointing. `convolutions` is what a LoCon
 * adds: `rank` for each unit of `conv_rank`, `others` for each unit of rank.
 */
const COUNTED = {
  sdxl: {
    fixed: 4.81,
    rank: 0.0447,
    picture: { none: 5.57, selective: 1.01, full: 0.59 },
    pixels: 1024 ** 2,
    convolutions: { rank: 0.0064, others: 0.001, picture: { none: 0.125, selective: 0.125, full: 0.1 } },
    // Here `picture` is for each image with a caption of 75 tokens; `loaded` is for encoders in fp32 that are not
    // trained.
    textEncoders: { fixed: 1.48, rank: 0.0158, picture: 0.22, loaded: 3.05 },
  },
  sd15: {
    fixed: 1.64,
    rank: 0.0072,
    picture: { none: 0.8, selective: 0.35, full: 0.22 },
    pixels: 512 ** 2,
    convolutions: { rank: 0.0092, others: 0.0014, picture: { none: 0.016, selective: 0.016, full: 0.005 } },
    textEncoders: { fixed: 0.235, rank: 0.0027, picture: 0.023, loaded: 0.46 },
  },
} as const;

/** Bytes of a card's memory that training takes at its peak; undefined for settings that were not measured. */
export function memoryOf(plan: Plan): number | undefined {
  const { model, training: t, data, resources: r } = plan;
  if (r.precision === 'fp32' || r.attention === 'math' || t.adapter !== 'lora' || t.dora) return undefined;
  const counted = COUNTED[model.family];
  const largest = data.samples.reduce((most, { bucket }) => Math.max(most, bucket[0] * bucket[1]), 0);
  const images = (t.batch_size * largest) / counted.pixels;
  const unet = counted.fixed + counted.rank * t.rank + counted.picture[r.gradient_checkpointing] * images;
  const { rank, others, picture: image } = counted.convolutions;
  const locon = rank * t.conv_rank + others * t.rank + image[r.gradient_checkpointing] * images;
  const convolutions = t.conv_rank > 0 ? locon : 0;
  return (unet + convolutions + textEncodersOf(plan)) * GIB + CARD_ITSELF;
}

/**
 * GiB that the text encoders take beside the U-Net: when they are trained, or stay loaded because there are too many
 * captions to encode in advance.
 */
function textEncodersOf(plan: Plan): number {
  const { training: t, data } = plan;
  const { fixed, rank, picture: image, loaded } = COUNTED[plan.model.family].textEncoders;
  if (t.text_encoder_learning_rates.some((rate) => rate > 0))
    return fixed + rank * t.rank + (image * t.batch_size * data.max_tokens) / 75;
  return mostCaptions(plan) > CAPTIONS_IN_ADVANCE ? loaded : 0;
}

/** Warns when the run does not fit its card, and names the smallest change that makes it fit. */
export function memoryWarnings(plan: Plan, gpu: Gpu | undefined): readonly string[] {
  const needed = memoryOf(plan);
  if (gpu === undefined || gpu.vendor === 'apple' || gpu.totalBytes === null || needed === undefined) return [];
  const takes = `a step takes about ${formatBytes(needed)} of memory`;
  if (needed > gpu.totalBytes)
    return [`${takes}, more than the ${formatBytes(gpu.totalBytes)} of ${gpu.name}: ${cure(plan, gpu.totalBytes)}`];
  if (gpu.freeBytes !== null && needed > gpu.freeBytes)
    return [`${takes}; of ${gpu.name} ${formatBytes(gpu.freeBytes)} are free: close what else uses it`];
  return [];
}

const ORDER: readonly Checkpointing[] = ['none', 'selective', 'full'];

function cure(plan: Plan, room: number): string {
  const { batch_size: batch, gradient_accumulation: passes } = plan.training;
  const stronger = ORDER.slice(ORDER.indexOf(plan.resources.gradient_checkpointing) + 1);
  for (const [size, kinds] of [
    [batch, stronger],
    [1, ORDER],
  ] as const)
    for (const kind of kinds) {
      const smaller: Plan = {
        ...plan,
        training: { ...plan.training, batch_size: size },
        resources: { ...plan.resources, gradient_checkpointing: kind },
      };
      const bytes = memoryOf(smaller);
      if (bytes === undefined || bytes > room) continue;
      const sets = [
        ...(size === batch ? [] : [`training.batch_size=1`, `training.gradient_accumulation=${passes * batch}`]),
        ...(kind === plan.resources.gradient_checkpointing ? [] : [`resources.gradient_checkpointing=${kind}`]),
      ];
      return `${sets.map((set) => `--set ${set}`).join(' ')} takes ${formatBytes(bytes)}`;
    }
  return 'a lower dataset.resolution or training.rank takes less';
}
