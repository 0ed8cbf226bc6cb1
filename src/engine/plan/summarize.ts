/** A plan in numbers and words, for the review screen, `--dry-run` and `--json`. Pure. */
import { isDeepStrictEqual } from 'node:util';
import { formatBytes, plural } from '../../base/text.ts';
import { cadenceWords } from '../../spec/sections/cadence.ts';
import { isFurther } from '../dataset/sizes.ts';
import { batchOf, bucketUses, savesOf, usesInAll } from './lengths.ts';
import { memoryText } from './memory.ts';
import { FAMILY, loraParameters } from './parameters.ts';
import type { Plan } from './schema.ts';

export interface BucketRow {
  readonly size: readonly [number, number];
  /** Trained images, each counted once. */
  readonly images: number;
  readonly uses: number;
  readonly batches: number;
}

export interface PlanSummary {
  readonly images: number;
  readonly validation: number;
  /** Uses of images in one epoch: images times repeats. */
  readonly uses: number;
  readonly epochs: number;
  readonly steps: number;
  readonly buckets: readonly BucketRow[];
  /**
   * Estimated bytes of the final LoRA file, of the intermediate ones, of all checkpoints that are kept, and of the
   * cached latents and text embeddings.
   */
  readonly disk: {
    readonly lora: number;
    readonly saved: number;
    readonly checkpoints: number;
    readonly cache: number;
    readonly total: number;
  };
  /** `1600 steps = 40 pictures × 4 repeats × 10 epochs ÷ 1`, and further lines for the review before the start. */
  readonly lines: readonly string[];
}

/**
 * Summarises a plan.
 * @param weightBytes size of the base model's weights in bytes, if known; it makes the estimate right for unusual
 *   models
 */
export function summarizePlan(plan: Plan, weightBytes?: number): PlanSummary {
  const trained = plan.data.images.filter(({ validation, regularisation }) => !validation && !regularisation);
  const uses = usesInAll(trained, plan.data.resolution_use);
  const { steps, gradient_accumulation, batches_per_epoch } = plan.training;
  const epochs = (steps * gradient_accumulation) / batches_per_epoch;
  const validation = plan.data.images.filter((sample) => sample.validation).length;
  const summary = {
    images: trained.filter((image) => !isFurther(image)).length,
    validation,
    uses,
    epochs,
    steps,
    buckets: bucketRows(trained, plan.data.resolution_use, batchOf(plan.training, plan.resources.processes)),
    disk: estimateDisk(plan, weightBytes),
  };
  return { ...summary, lines: summaryLines(plan, trained, summary) };
}

function bucketRows(
  images: Plan['data']['images'],
  use: Plan['data']['resolution_use'],
  batch: (pixels: number) => number,
): readonly BucketRow[] {
  const counts = bucketUses(images, use);
  const rows = new Map<string, BucketRow>();
  for (const { bucket } of images) {
    const key = bucket.join('x');
    const uses = counts.get(key) ?? 0;
    const seen = rows.get(key)?.images ?? 0;
    rows.set(key, { size: bucket, images: seen + 1, uses, batches: Math.ceil(uses / batch(bucket[0] * bucket[1])) });
  }
  return [...rows.values()].sort((a, b) => b.images - a.images || a.size[0] - b.size[0]);
}

function summaryLines(
  plan: Plan,
  trained: Plan['data']['images'],
  { images, validation, uses, epochs, steps, buckets, disk }: Omit<PlanSummary, 'lines'>,
): readonly string[] {
  const { training: t, resources: r } = plan;
  const shapes = buckets.slice(0, 4).map(({ size, images: count }) => `${size[0]}×${size[1]} (${count})`);
  const more = buckets.length > 4 ? `, ${buckets.length - 4} more` : '';
  const rates = t.text_encoder_learning_rates.filter((rate) => rate > 0);
  const encoders =
    rates.length === 0 ? 'U-Net only' : `U-Net and ${rates.length === 1 ? 'text encoder' : 'text encoders'}`;
  return [
    `${plural(steps, 'step')} = ${usesText(plan.data, trained, { images, uses })} × ${round(epochs)} epochs ÷ ${batchText(plan)}`,
    `${t.optimizer}, ${rate(t.learning_rate)}, ${t.schedule}, ${t.warmup_steps} warm-up`,
    `${t.adapter === 'lora' ? '' : `${t.adapter}, `}${t.dora ? 'dora, ' : ''}rank ${t.rank}, alpha ${t.alpha}, ${encoders}${t.layers.length === 0 ? '' : `, ${plural(t.layers.length, 'rule')} for layers`}`,
    `${plural(buckets.length, 'bucket shape')}: ${shapes.join(', ')}${more}`,
    validationLine(plan, validation),
    ...subjectLines(plan),
    ...embeddingLine(plan),
    ...averageLine(plan),
    `${devicesText(r)}, ${r.precision}, checkpointing ${r.gradient_checkpointing}, ${plural(r.threads, 'thread')}`,
    ...memoryText(plan),
    `about ${formatBytes(disk.total)} of disk: LoRA ${formatBytes(disk.lora)}${savedWords(plan, disk.saved)}, checkpoints ${formatBytes(disk.checkpoints)}, cache ${formatBytes(disk.cache)}`,
  ];
}

/** On which images the loss is validated, how often, and whether validation may end the run. */
function validationLine({ validation: v }: Plan, images: number): string {
  if (images === 0) return 'no pictures kept out for validation';
  const how = v.every === null ? '' : `, each ${cadenceWords(v.every)}`;
  const ends = v.patience === null ? '' : `; ends early when ${v.patience} validations say so`;
  return `${plural(images, 'picture')} kept out of training to measure the loss on${how}${ends}`;
}

/**
 * How many steps the moving average reaches back at the end of the run. Its decay begins small and rises as (1 + n) /
 * (10 + n), so that the average covers at most about the last ninth of its updates, whatever decay is set.
 */
function averageLine({ training: { steps, ema } }: Plan): readonly string[] {
  if (ema === null) return [];
  const updates = Math.floor(Math.max(0, steps - ema.start) / ema.every);
  const decay = Math.min(ema.decay, (1 + updates) / (10 + updates));
  const names = { ema: 'it is what is saved', raw: 'it is only measured', both: 'both are saved' }[ema.save];
  return [`a moving average of about the last ${plural(Math.round(ema.every / (1 - decay)), 'step')}; ${names}`];
}

/** Lines about masks, regularisation images and prior preservation, where there are any. */
function subjectLines({ data, training: t, samples }: Plan): readonly string[] {
  const masked = data.images.filter(({ mask }) => mask !== null).length;
  const others = data.images.filter(({ regularisation }) => regularisation).length;
  const made = data.images.filter(({ generated }) => generated !== null).length;
  const kept = t.preservation;
  return [
    ...(data.masks === null
      ? []
      : [
          `${plural(masked, 'picture')} with a mask; outside of it counts ${data.masks.outside}${data.masks.focus ? '; the crop keeps what it shows' : ''}`,
        ]),
    ...(data.augment === null ? [] : [variationsText(data.augment)]),
    ...ownVariations(data),
    ...(others === 0 ? [] : [`${plural(others, 'regularisation picture')}, used as often as the others`]),
    ...(made === 0
      ? []
      : [
          `${plural(made, 'of them is', 'of them are')} drawn by the base first, in ${samples.steps} steps each, and kept`,
        ]),
    ...(kept === null
      ? []
      : [
          `kept: what the base makes of ${kept.class_word === '' ? 'no words' : JSON.stringify(kept.class_word)}; a step takes about twice as long`,
        ]),
  ];
}

/** The line about the embedding: which trigger it is for, and how long it is trained. */
function embeddingLine({ training: { pivotal: p, steps } }: Plan): readonly string[] {
  if (p === null) return [];
  const until = p.steps === null ? '' : `, for ${plural(Math.min(p.steps, steps), 'step')}`;
  const from = p.initial === '' ? '' : ` from ${JSON.stringify(p.initial)}`;
  return [`an embedding of ${plural(p.tokens, 'vector')} for ${p.word}${from}, ${rate(p.learning_rate)}${until}`];
}

function variationsText({ variations, share, ...most }: NonNullable<Plan['data']['augment']>): string {
  const changed = Object.entries(most).filter(([, value]) => value > 0);
  const named = changed.map(([name, value]) => `${name} ${value}${name === 'rotate' ? '°' : ''}`).join(', ');
  const when = share < 1 ? ` in ${Math.round(share * 100)} % of uses` : '';
  return `${plural(variations, 'variation')} of each picture${when}: ${named || 'none of them differs'}`;
}

/** Variations of images whose source says otherwise than the data set, by how many they are. */
function ownVariations({ augment, images }: Plan['data']): readonly string[] {
  const other = images.filter((image) => image.own !== null && !isFurther(image));
  const counts = new Map<number, number>();
  for (const { own } of other)
    if (!isDeepStrictEqual(own?.augment, augment))
      counts.set(own?.augment?.variations ?? 0, (counts.get(own?.augment?.variations ?? 0) ?? 0) + 1);
  return [...counts].map(
    ([count, pictures]) =>
      `by their source: ${count === 0 ? 'no variations' : plural(count, 'variation')} of ${plural(pictures, 'picture')}`,
  );
}

function usesText(
  { resolution_use }: Plan['data'],
  trained: Plan['data']['images'],
  { images, uses }: Pick<PlanSummary, 'images' | 'uses'>,
): string {
  const repeats = new Set(trained.map((sample) => sample.repeats));
  const [same = 1] = repeats;
  const sizes = trained.length / images;
  if (resolution_use === 'draw' && sizes > 1)
    return `${uses} uses of ${plural(images, 'picture')}, each at a drawn size`;
  if (repeats.size <= 1 && sizes > 1 && Number.isInteger(sizes))
    return `${plural(images, 'picture')} × ${plural(same, 'repeat')} × ${sizes} resolutions`;
  return repeats.size <= 1 && sizes === 1
    ? `${plural(images, 'picture')} × ${plural(same, 'repeat')}`
    : `${uses} uses of ${plural(images, 'picture')}`;
}

function batchText({ training: t, resources: { processes, cards } }: Plan): string {
  const together =
    processes === 1 ? [] : [cards.length === 0 ? plural(processes, 'process', 'processes') : plural(processes, 'card')];
  const other = t.batch_size_at.map(({ resolution, batch_size }) => `, ${batch_size} at ${resolution} px`).join('');
  const first = `${t.batch_size}${other}`;
  const factors = [first, ...together, ...(t.gradient_accumulation === 1 ? [] : [t.gradient_accumulation])];
  return factors.length === 1 ? first : `(${factors.join(' × ')})`;
}

/** The devices in words: `cuda:0`, `cuda:0 and cuda:2`, `2 processes on cpu`, and on how many machines. */
function devicesText({ device, cards, processes, nodes }: Plan['resources']): string {
  const each = processes / nodes;
  const here = cards.length > 0 ? cards.map((index) => `cuda:${index}`).join(' and ') : device;
  const named = cards.length > 0 || each === 1 ? here : `${plural(each, 'process', 'processes')} on ${here}`;
  return nodes === 1 ? named : `${named}, on each of ${plural(nodes, 'machine')}`;
}

const round = (value: number) => (value >= 10 ? Math.round(value) : Math.round(value * 10) / 10);

const rate = (value: number) => (value < 0.001 ? value.toExponential() : String(value));

/** How many intermediate LoRA files are kept, and their size. With a cadence by the clock the number is unknown. */
function savedWords(plan: Plan, bytes: number): string {
  const saves = savesOf(plan);
  if (saves === undefined) return ', and one more for each save on the way';
  return saves === 0 ? '' : `, ${saves} more on the way ${formatBytes(bytes)}`;
}

/** How often an image is encoded: once for each way in which its uses show it. */
function encodingsOf({ augment, flip }: Pick<Plan['data'], 'augment' | 'flip'>): number {
  const views = flip ? 2 : 1;
  return augment === null ? views : augment.variations + (augment.share < 1 ? views : 0);
}

function estimateDisk(plan: Plan, weightBytes?: number): PlanSummary['disk'] {
  const { model, output, data } = plan;
  const { weights } = FAMILY[model.family];
  // A LoRA grows with the sides of the weight matrices, the model with their areas.
  const scale = weightBytes === undefined ? 1 : Math.sqrt(weightBytes / weights);
  const parameters = loraParameters(plan) * scale;
  const files = (output.diffusers ? 2 : 1) * (plan.training.ema?.save === 'both' ? 2 : 1);
  const lora = parameters * (output.precision === 'fp32' ? 4 : 2) * files;
  const saved = lora * (savesOf(plan) ?? 0);
  // A checkpoint holds the weights, the two averages of Adam, and the moving average of the weights if there is one,
  // all in fp32.
  const checkpoints = parameters * (plan.training.ema === null ? 12 : 16) * output.checkpoint_keep;
  // Cached latents are the mean and log-variance of 4 channels at an eighth of the image's size, in fp32.
  const latents = data.images.reduce(
    (sum, { bucket, own }) => sum + (bucket[0] / 8) * (bucket[1] / 8) * 4 * 2 * 4 * encodingsOf(own ?? data),
    0,
  );
  const texts = data.images.length * data.max_tokens * (model.family === 'sdxl' ? 2048 : 768) * 4;
  const cache = latents + texts;
  const whole = {
    lora: Math.round(lora),
    saved: Math.round(saved),
    checkpoints: Math.round(checkpoints),
    cache: Math.round(cache),
  };
  return { ...whole, total: whole.lora + whole.saved + whole.checkpoints + whole.cache };
}
