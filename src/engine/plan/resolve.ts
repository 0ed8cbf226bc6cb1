/**
 * Spec, images, model and machine → the plan that the trainer carries out. Pure: the same input gives the same plan.
 */
import { basename, join, resolve as resolvePath } from 'node:path';
import { plannedCadence, readCadence } from '../../spec/cadence.ts';
import { readPromptLine } from '../../spec/prompt-flags.ts';
import { findings } from '../../spec/rules.ts';
import type { RunSpec } from '../../spec/schema.ts';
import { adapterKeys } from '../../spec/training/adapter-keys.ts';
import { lossKeys } from '../../spec/training/loss-keys.ts';
import { bucketChooser } from '../dataset/buckets.ts';
import type { HashedScan } from '../dataset/hash.ts';
import type { MaskFile } from '../dataset/masks.ts';
import type { Hardware } from '../hardware/probe.ts';
import { captionRules, emptied } from './caption-rules.ts';
import { composeCaption, estimateTokens, tagsOf, triggerFirst } from './captions.ts';
import { chooseDevice } from './device.ts';
import { metadataFacts } from './facts.ts';
import { sampleIds, specSha256, validationIds } from './identity.ts';
import { memoryWarnings } from './memory.ts';
import { PLAN_VERSION, type Plan, type PlanSample, planSchema } from './schema.ts';
import { planWarnings } from './warnings.ts';

/** A model on this disk that is ready to be read. */
export interface LocatedBase {
  readonly path: string;
  readonly layout: 'diffusers' | 'single_file';
  readonly configDir: string | null;
  /** Absolute path of the VAE that `model.vae` names; null for the base model's own. */
  readonly vaePath: string | null;
  readonly sha256: string | null;
}

export interface PlanInput {
  readonly spec: RunSpec;
  /** Folder of run.yaml, which relative paths in the spec start from. */
  readonly dir: string;
  readonly scan: HashedScan;
  /** Hashes of images whose captions are written before the training. */
  readonly uncaptioned?: readonly string[];
  /** The images of the regularisation folder, where there is one. */
  readonly regularisation?: HashedScan;
  /** Masks by the path of their image. */
  readonly masks?: ReadonlyMap<string, MaskFile>;
  readonly model: LocatedBase;
  readonly hardware: Hardware;
  /** Packages among `extraPackages(spec)` that the Python to train with lacks. */
  readonly lacking: readonly string[];
  readonly cacheDir: string;
  /** Whether a name in the spec is a registry id. */
  readonly isModelId: (name: string) => boolean;
}

export interface ResolvedPlan {
  readonly plan: Plan;
  /**
   * Sentences for the person about what was changed and what looks wrong. What the scan left out or noted is not
   * repeated.
   */
  readonly warnings: readonly string[];
}

/**
 * @throws {EnvironmentError} when the spec names a device that this machine lacks, or an optimiser that its Python
 * lacks
 */
export function resolvePlan(input: PlanInput): ResolvedPlan {
  const { spec, dir, scan, model, hardware, cacheDir } = input;
  const { training: t, dataset: d, resources: r } = spec;
  const device = chooseDevice(spec, hardware, input.lacking);
  const samples = planSamples(input);
  const batches = batchesPerEpoch(samples, t.batch_size);
  const steps = stepsOf(t, batches);
  const warmup = warmupOf(t, steps);
  const plan: Plan = planSchema.parse({
    version: PLAN_VERSION,
    name: spec.name,
    spec_sha256: specSha256(spec, input.isModelId),
    seed: t.seed,
    model: {
      name: input.isModelId(spec.model.base) ? spec.model.base : basename(spec.model.base),
      path: model.path,
      layout: model.layout,
      config_dir: model.configDir,
      family: spec.model.family,
      prediction: spec.model.prediction,
      zero_terminal_snr: spec.model.zero_terminal_snr,
      vae_path: model.vaePath,
      clip_skip: spec.model.clip_skip,
      sha256: model.sha256,
    },
    data: {
      root: scan.root,
      samples,
      crop: d.crop,
      flip: d.flip,
      alpha_color: d.alpha_color,
      shuffle_tags: d.shuffle_tags,
      keep_tags: keptTags(d),
      caption_dropout: d.caption_dropout,
      tag_dropout: d.tag_dropout,
      masks: d.masks === null ? null : pick(d.masks, ['outside', 'normalise', 'unmasked_share']),
      max_tokens: maxTokens(samples),
    },
    training: {
      steps,
      batch_size: t.batch_size,
      gradient_accumulation: t.gradient_accumulation,
      batches_per_epoch: batches,
      learning_rate: t.learning_rate,
      text_encoder_learning_rates: textEncoderRates(spec),
      optimizer: device.optimizer,
      optimizer_args: t.optimizer_args,
      weight_decay: t.weight_decay,
      betas: t.betas,
      schedule: t.schedule,
      schedule_args: t.schedule_args,
      warmup_steps: warmup.steps,
      cycles: t.cycles,
      max_grad_norm: t.max_grad_norm,
      max_weight_norm: t.max_weight_norm,
      rank: t.rank,
      alpha: t.alpha,
      dropout: t.dropout,
      targets: t.targets,
      conv_rank: t.conv_rank,
      conv_alpha: t.conv_alpha,
      ...pick(t, adapterNames),
      ...pick(t, lossNames),
      preservation: t.preservation === null ? null : { ...t.preservation, trigger: d.trigger.trim() },
      init_lora: t.init_lora === null ? null : resolvePath(dir, t.init_lora),
    },
    samples: plannedSamples(spec),
    output: {
      precision: spec.output.precision,
      metadata: spec.output.metadata,
      facts: metadataFacts(spec, samples),
      diffusers: spec.output.diffusers,
      checkpoint_every: plannedCadence(spec.output.checkpoint_every),
      checkpoint_keep: spec.output.checkpoint_keep,
      save_every: plannedCadence(spec.output.save_every ?? spec.output.checkpoint_every),
      save_keep: spec.output.save_keep,
    },
    resources: {
      device: device.device,
      precision: device.precision,
      vae_precision: device.vaePrecision,
      gradient_checkpointing: r.gradient_checkpointing,
      attention: r.attention,
      channels_last: r.channels_last,
      tf32: device.tf32,
      compile: r.compile,
      deterministic: r.deterministic,
      workers: r.workers,
      threads: r.threads ?? hardware.cpuCores,
      cache_dir: cacheDir,
    },
  });
  const rules = findings(spec, 'warning').map(({ key, message }) => `${key} ${message}`);
  const memory = memoryWarnings(plan, device.gpu);
  return {
    plan,
    warnings: [
      ...device.warnings,
      ...memory,
      ...rules,
      ...warmup.warnings,
      ...emptied(spec.captions, scan),
      ...planWarnings(plan, spec, withoutPending(scan, input.uncaptioned)),
    ],
  };
}

const adapterNames = Object.keys(adapterKeys) as (keyof typeof adapterKeys)[];

/** Prompts with their own options become shots, each with all that decides its sample. */
export function plannedSamples({ samples: s, dataset: d }: RunSpec): Plan['samples'] {
  const lines = s.prompts.map((text) => readPromptLine(text).line);
  const size: [number, number] = [d.resolution, d.resolution];
  const shots = lines.map(({ prompt, negative, width, height, seed, steps, guidance, strength }, i) => ({
    prompt,
    negative: negative ?? s.negative,
    steps: steps ?? s.steps,
    guidance: guidance ?? s.guidance,
    seed: seed ?? s.seed + i,
    size: [width ?? d.resolution, height ?? d.resolution] as [number, number],
    strength: strength ?? 1,
  }));
  const own = lines.some((line) => Object.keys(line).length > 1);
  return {
    ...s,
    every: plannedCadence(s.every),
    prompts: lines.map(({ prompt }) => prompt),
    shots: own ? shots : null,
    size,
  };
}

/** Optimiser steps of the run. Whole epochs end with the step that takes the last batch of the last one. */
function stepsOf({ steps, gradient_accumulation: passes }: RunSpec['training'], batches: number): number {
  const { count, unit } = readCadence(steps);
  return unit === 'epochs' ? Math.ceil((count * batches) / passes) : count;
}

/** Steps of the warm-up. Only here is it known how many steps some epochs are. */
function warmupOf({ warmup, steps: length }: RunSpec['training'], steps: number) {
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

const lossNames = Object.keys(lossKeys) as (keyof typeof lossKeys)[];

/** The settings of `names`, which the plan has as run.yaml has them. */
const pick = <T extends object, K extends keyof T>(from: T, names: readonly K[]): Pick<T, K> =>
  Object.fromEntries(names.map((name) => [name, from[name]])) as Pick<T, K>;

function planSamples({ spec, scan: { pictures }, regularisation, masks }: PlanInput): readonly PlanSample[] {
  const { dataset: d, training } = spec;
  const others = regularisation?.pictures ?? [];
  const ids = sampleIds([...pictures, ...others].map(({ sha256 }) => sha256));
  const validation = validationIds(ids.slice(0, pictures.length), d.validation_share, training.seed);
  const bucketOf = bucketChooser({
    resolution: d.resolution,
    step: d.bucket_step,
    min: d.bucket_min,
    max: d.bucket_max,
    buckets: d.buckets,
    noUpscale: d.no_upscale,
  });
  const caption = captionComposer(spec);
  const own: PlanSample[] = pictures.map(({ path, sha256, size, repeats, caption: text }, i) => ({
    id: ids[i] ?? sha256,
    path,
    sha256,
    size: [...size] as [number, number],
    bucket: [...bucketOf(size)] as [number, number],
    repeats: repeats * d.repeats,
    caption: caption(text),
    validation: validation.has(ids[i] ?? sha256),
    regularisation: false,
    loss_weight: 1,
    mask: masks?.get(path) ?? null,
  }));
  const of = others.map(({ path, sha256, size, caption: text }, i) => ({
    id: ids[pictures.length + i] ?? sha256,
    path: join(regularisation?.root ?? '', path),
    sha256,
    size: [...size] as [number, number],
    bucket: [...bucketOf(size)] as [number, number],
    repeats: 1,
    caption: text ?? d.regularisation?.class_word ?? '',
    validation: false,
    regularisation: true,
    loss_weight: d.regularisation?.weight ?? 1,
    mask: null,
  }));
  return [...own, ...of];
}

/** Makes the complete caption of an image from its own text; null for an image without one. */
function captionComposer({ dataset: d, captions }: RunSpec): (text: string | null) => string {
  const ruled = captionRules(captions);
  const parts = {
    trigger: d.trigger,
    prefix: d.caption_prefix,
    suffix: d.caption_suffix,
    fallback: d.default_caption,
  };
  return (text) => {
    const caption = composeCaption(text === null ? null : ruled(text) || null, parts);
    return tagsMove(d) ? triggerFirst(caption, d.trigger) : caption;
  };
}

/**
 * The plan with captions that were not there when it was made, by the SHA-256 of their images. Everything that follows
 * from captions follows: how many tokens are read, and what the metadata says of tags.
 */
export function withCaptions(plan: Plan, spec: RunSpec, texts: ReadonlyMap<string, string>): Plan {
  const caption = captionComposer(spec);
  return recaptioned(plan, spec, ({ sha256 }) => {
    const text = texts.get(sha256);
    return text === undefined ? undefined : caption(text === '' ? null : text);
  });
}

/**
 * The plan with the written captions that another plan of the same run holds, for images that have none of their own:
 * they are part of that run, whatever became of the results since.
 * @param bare hashes of images without a caption of their own
 */
export function withRecorded(plan: Plan, spec: RunSpec, recorded: Plan, bare: ReadonlySet<string>): Plan {
  const then = new Map(recorded.data.samples.map(({ sha256, caption }) => [sha256, caption]));
  return recaptioned(plan, spec, ({ sha256 }) => (bare.has(sha256) ? then.get(sha256) : undefined));
}

function recaptioned(plan: Plan, spec: RunSpec, captionOf: (sample: PlanSample) => string | undefined): Plan {
  const samples = plan.data.samples.map((sample) => {
    // A regularisation image has the caption of its own folder, and no other.
    const caption = sample.regularisation ? undefined : captionOf(sample);
    return caption === undefined ? sample : { ...sample, caption };
  });
  return {
    ...plan,
    data: { ...plan.data, samples, max_tokens: maxTokens(samples) },
    output: { ...plan.output, facts: metadataFacts(spec, samples) },
  };
}

/** The scan as far as captions are told of it: those that are still to be written are not missing. */
function withoutPending(scan: HashedScan, uncaptioned: readonly string[] = []): HashedScan {
  const pending = new Set(uncaptioned);
  return { ...scan, pictures: scan.pictures.filter(({ sha256 }) => !pending.has(sha256)) };
}

/** Whether the tags of a caption are shuffled or dropped. */
const tagsMove = (d: RunSpec['dataset']) => d.shuffle_tags || d.tag_dropout > 0;

/** Number of leading tags that stay in place: the trigger stays whole, however many tags it has. */
const keptTags = (d: RunSpec['dataset']) =>
  tagsMove(d) ? Math.max(d.keep_tags, tagsOf(d.trigger).length) : d.keep_tags;

/**
 * How often regularisation images of one bucket are used in an epoch: all together as often as the others, each bucket
 * by its share of them, and at least once.
 */
function regularisationUses(inBucket: number, images: number, uses: number): number {
  return Math.max(1, Math.floor((2 * uses * inBucket + images) / (2 * images)));
}

/** Σ over buckets ⌈uses ÷ batch size⌉: a batch holds one shape, and the last of a shape may be smaller. */
export function batchesPerEpoch(samples: readonly PlanSample[], batchSize: number): number {
  const uses = new Map<string, number>();
  const others = new Map<string, number>();
  for (const { bucket, repeats, validation, regularisation } of samples) {
    const counts = regularisation ? others : uses;
    if (!validation) counts.set(bucket.join('x'), (counts.get(bucket.join('x')) ?? 0) + repeats);
  }
  const total = [...uses.values()].reduce((sum, count) => sum + count, 0);
  const images = [...others.values()].reduce((sum, count) => sum + count, 0);
  for (const [bucket, count] of others)
    uses.set(bucket, (uses.get(bucket) ?? 0) + regularisationUses(count, images, total));
  return [...uses.values()].reduce((sum, count) => sum + Math.ceil(count / batchSize), 0);
}

function textEncoderRates({ model, training }: RunSpec): readonly number[] {
  const { text_encoder_learning_rate: rate } = training;
  if (Array.isArray(rate)) return rate;
  return model.family === 'sdxl' ? [rate, rate] : [rate];
}

function maxTokens(samples: readonly PlanSample[]): 75 | 150 | 225 {
  const longest = samples.reduce((most, { caption }) => Math.max(most, estimateTokens(caption)), 0);
  return longest <= 75 ? 75 : longest <= 150 ? 150 : 225;
}
