/**
 * Estimates how much of a card's memory a step takes, by part, from peaks that were counted for each setting
 * (bench/results/memory-counts.json) and measured for some (bench/results/trainer-memory.txt). Pure.
 */

import { formatBytes } from '../../base/text.ts';
import type { Gpu } from '../hardware/types.ts';
import { mostCaptions } from './caption-forms.ts';
import { batchOf } from './lengths.ts';
import { type AdapterShape, encodesInSteps, loraParameters } from './parameters.ts';
import type { Plan } from './schema.ts';

type Checkpointing = Plan['resources']['gradient_checkpointing'];

const GIB = 2 ** 30;
/** Bytes for the driver's context and for the allocator's rounding: 0.9 to 1.1 GiB on the measured cards. */
const CARD_ITSELF = 1 * GIB;

/** Number of different captions that the trainer encodes before it loads the U-Net (`CACHE_LIMIT` in its text.py). */
export const CAPTIONS_IN_ADVANCE = 16_384;

/**
 * Counted memory in GiB, by family. `base` is the U-Net's weights, by their packing (16 bits where they are not
 * packed); `streamed` is the part of them that stays on the card when they wait in main memory. `image` is for each
 * image of `pixels` pixels in a 16-bit pass, by gradient checkpointing; `convolutions` is what a LoCon adds to it.
 */
const COUNTED = {
  sdxl: {
    base: { same: 4.81, fp8: 2.43, int8: 2.43, nf4: 1.37 },
    streamed: { same: 0.13, fp8: 0.09, int8: 0.09, nf4: 0.07 },
    image: { none: 5.57, selective: 1.01, full: 0.59 },
    pixels: 1024 ** 2,
    convolutions: { none: 0.125, selective: 0.125, full: 0.1 },
    // `image` is for each image with a caption of 75 tokens; `loaded` is for encoders in fp32 that are not trained.
    text: { base: { same: 1.49, fp8: 0.86, int8: 0.86, nf4: 0.57 }, image: 0.22, loaded: 3.05 },
  },
  sd15: {
    base: { same: 1.64, fp8: 0.83, int8: 0.83, nf4: 0.48 },
    streamed: { same: 0.13, fp8: 0.09, int8: 0.09, nf4: 0.06 },
    image: { none: 0.8, selective: 0.35, full: 0.22 },
    pixels: 512 ** 2,
    convolutions: { none: 0.016, selective: 0.016, full: 0.005 },
    text: { base: { same: 0.235, fp8: 0.16, int8: 0.16, nf4: 0.12 }, image: 0.023, loaded: 0.46 },
  },
} as const;

/** Bytes that an optimiser keeps for each weight that it trains. */
const OPTIMIZER_BYTES: Readonly<Record<Plan['training']['optimizer'], number>> = {
  adamw: 8,
  adamw8bit: 2,
  adamw_schedulefree: 8,
  adafactor: 0.1,
  prodigy: 16,
  // Two tensors, the start of the weights, and a sum over every eleventh weight.
  prodigy_schedulefree: 8.8,
  lion: 4,
  came: 4.2,
};

/** Everything on which the memory of a step depends. */
export interface StepShape extends AdapterShape {
  readonly training: AdapterShape['training'] &
    Pick<Plan['training'], 'optimizer' | 'dora' | 'ema'> & {
      /** The trained embedding, if any. Its vectors take next to no memory, but they keep the encoders in training. */
      readonly pivotal: object | null;
    };
  readonly resources: Pick<
    Plan['resources'],
    'precision' | 'attention' | 'gradient_checkpointing' | 'base_precision' | 'text_precision' | 'stream_base'
  >;
  /** Most pixels of all images of a batch together, and most images of a batch. */
  readonly pixels: number;
  readonly images: number;
  readonly maxTokens: number;
  /** Whether text encoders that are not trained stay loaded, because of too many captions. */
  readonly encodersLoaded: boolean;
}

/** Bytes at the peak of a step, by what they are for. */
export interface StepMemory {
  readonly weights: number;
  readonly activations: number;
  readonly gradients: number;
  readonly optimiser: number;
  /** Workspace of kernels, the driver's context, and the allocator's rounding. */
  readonly workspace: number;
  readonly total: number;
}

/**
 * Memory of a step.
 * @returns undefined for the slow reference attention, whose memory grows with the square of the pixels
 */
export function stepMemory(shape: StepShape): StepMemory | undefined {
  const { training: t, resources: r } = shape;
  if (r.attention === 'math') return undefined;
  const counted = COUNTED[shape.model.family];
  const wide = r.precision === 'fp32' ? 2 : 1;
  const trained = loraParameters(shape);
  const kept = (packing: Plan['resources']['base_precision'], base: Readonly<Record<typeof packing, number>>) =>
    base[packing] * (packing === 'same' ? wide : 1);
  const base = kept(r.base_precision, r.stream_base ? counted.streamed : counted.base);
  const encoders = encodesInSteps(t);
  const text = encoders ? kept(r.text_precision, counted.text.base) : shape.encodersLoaded ? counted.text.loaded : 0;
  const images = shape.pixels / counted.pixels;
  const kind = r.gradient_checkpointing;
  const each = counted.image[kind] * loose(shape) + (t.conv_rank > 0 ? counted.convolutions[kind] : 0);
  const words = encoders ? (counted.text.image * shape.images * shape.maxTokens) / 75 : 0;
  // The trained fp32 weights have copies in 16 bits beside them.
  const parts = {
    weights: (base + text) * GIB + trained * (wide === 2 ? 4 : 6),
    activations: (each * images + words) * wide * GIB,
    gradients: trained * 4,
    // A moving average is one more tensor in fp32 beside the optimiser's own.
    optimiser: trained * (OPTIMIZER_BYTES[t.optimizer] + (t.ema === null ? 0 : 4)),
    workspace: CARD_ITSELF,
  };
  return { ...parts, total: Object.values(parts).reduce((sum, part) => sum + part, 0) };
}

/** Factors on the memory of an image for adapters whose layers are not fused, by whether anything is checkpointed. */
const LOOSE = {
  loha: { none: 1.15, some: 1.2 },
  lokr: { none: 1.47, some: 1.22 },
  dora: { none: 1.45, some: 1.3 },
} as const;

function loose({ training: t, resources: r }: StepShape): number {
  const kind = t.dora ? 'dora' : t.adapter;
  return kind === 'lora' ? 1 : LOOSE[kind][r.gradient_checkpointing === 'none' ? 'none' : 'some'];
}

function shapeOf(plan: Plan): StepShape {
  const { model, training, data, resources: r } = plan;
  const saving = r.base_precision !== 'same' || r.stream_base;
  const imagesOf = batchOf(training);
  const batches = data.images.map(({ bucket: [width, height] }) => ({
    pixels: width * height,
    images: imagesOf(width * height),
  }));
  return {
    model,
    training,
    resources: r,
    pixels: batches.reduce((most, { pixels, images }) => Math.max(most, pixels * images), 0),
    images: batches.reduce((most, { images }) => Math.max(most, images), 0),
    maxTokens: data.max_tokens,
    encodersLoaded: !saving && mostCaptions(plan) > CAPTIONS_IN_ADVANCE,
  };
}

/** Bytes of a card's memory that training takes at its peak; undefined for settings that were not counted. */
export const memoryOf = (plan: Plan): number | undefined => stepMemory(shapeOf(plan))?.total;

/** Bytes of tensors on a card at the peak of a step, without the driver; null where no card trains, or none were counted. */
export function countedMemory(plan: Plan): number | null {
  const memory = plan.resources.device.startsWith('cuda') ? stepMemory(shapeOf(plan)) : undefined;
  return memory === undefined ? null : Math.round(memory.total - memory.workspace);
}

/**
 * The estimate in words: `about 7.1 GB of the card's memory: weights 5.2 GB, …`; empty where no card trains, or
 * nothing was counted.
 */
export function memoryText(plan: Plan): readonly string[] {
  const memory = plan.resources.device.startsWith('cuda') ? stepMemory(shapeOf(plan)) : undefined;
  if (memory === undefined) return [];
  const { total, ...parts } = memory;
  const each = Object.entries(parts).map(([name, bytes]) => `${name} ${formatBytes(bytes)}`);
  return [`about ${formatBytes(total)} of the card's memory: ${each.join(', ')}`];
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

/**
 * Changes that are tried in turn, each with a batch of 1 and full checkpointing: each makes a step slower, or changes
 * it a little.
 */
const LAST: readonly Partial<Plan['resources']>[] = [
  { base_precision: 'int8' },
  { stream_base: true },
  { base_precision: 'nf4', stream_base: true },
];

function cure(plan: Plan, room: number): string {
  const { batch_size: batch } = plan.training;
  const stronger = ORDER.slice(ORDER.indexOf(plan.resources.gradient_checkpointing) + 1);
  const tries = [
    ...stronger.map((kind) => ({ size: batch, resources: { gradient_checkpointing: kind } })),
    ...ORDER.map((kind) => ({ size: 1, resources: { gradient_checkpointing: kind } })),
    ...LAST.map((changed) => ({ size: 1, resources: { gradient_checkpointing: 'full' as const, ...changed } })),
  ];
  for (const { size, resources } of tries) {
    const smaller: Plan = {
      ...plan,
      training: { ...plan.training, batch_size: size, ...(size === batch ? {} : { batch_size_at: [] }) },
      resources: { ...plan.resources, ...resources },
    };
    const bytes = memoryOf(smaller);
    if (bytes === undefined || bytes > room) continue;
    return `${changes(plan, size, resources)
      .map((set) => `--set ${set}`)
      .join(' ')} takes ${formatBytes(bytes)}`;
  }
  return 'a lower dataset.resolution or training.rank takes less';
}

function changes(plan: Plan, size: number, resources: Partial<Plan['resources']>): readonly string[] {
  const { batch_size: batch, batch_size_at: at, gradient_accumulation: passes } = plan.training;
  const now: Readonly<Record<string, unknown>> = plan.resources;
  return [
    ...(size === batch ? [] : [`training.batch_size=1`, `training.gradient_accumulation=${passes * batch}`]),
    ...(size === batch || at.length === 0 ? [] : ['training.batch_size_at=[]']),
    ...Object.entries(resources)
      .filter(([key, value]) => now[key] !== value)
      .map(([key, value]) => `resources.${key}=${value}`),
  ];
}
