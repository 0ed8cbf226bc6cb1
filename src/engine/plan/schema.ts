/**
 * plan.json: the fully resolved plan, the only file from which the trainer takes settings. Everything that can be
 * decided before the GPU starts is decided here. Paths are absolute; nothing that the result depends on is a path.
 * `npm run docs` makes the trainer's dataclasses from this schema; its reader
 * (`trainer/visiontrain_trainer/contract/plan.py`) refuses other keys.
 */
import { z } from 'zod';
import { families, predictions, RUN_NAME, samplers, spacings } from '../../spec/schema.ts';
import { captionOptionsSchema } from '../../spec/sections/caption-options.ts';
import { packings, precisions, probes } from '../../spec/sections/choices.ts';
import { vaeScalingSchema } from '../../spec/sections/model.ts';
import { batchSizesSchema, resolutionUses } from '../../spec/sections/resolution.ts';
import { plannedDevices } from '../../spec/sections/resources.ts';
import { adapters, layerRuleSchema, lokrSchema, tLoraSchema } from '../../spec/training/adapter-keys.ts';
import { augmentSchema } from '../../spec/training/augment-keys.ts';
import { emaSchema } from '../../spec/training/ema-keys.ts';
import {
  huberSchedules,
  losses,
  lossWeightings,
  multiresSchema,
  perturbationSchema,
  timestepsSchema,
} from '../../spec/training/loss-keys.ts';
import { optimizerArgsSchema, optimizers } from '../../spec/training/optimizer-keys.ts';
import { plannedPivotalSchema } from '../../spec/training/pivotal-keys.ts';
import { scheduleArgsSchema, schedules } from '../../spec/training/schedule-keys.ts';
import { masksSchema, preservationSchema } from '../../spec/training/subject-keys.ts';

export const PLAN_VERSION = 2;

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
/** A number of steps (0: never), `2 epochs` or `30 minutes`, as `plannedCadence` writes it. */
const every = z.union([z.number().int().min(0), z.string().regex(/^[1-9][0-9]{0,7} (epochs|minutes)$/)]);
const size = z.tuple([z.number().int().positive(), z.number().int().positive()]);

export const planImageSchema = z.strictObject({
  /**
   * First 16 hex digits of the image's SHA-256, with `-2` … for copies, and `@768` for the image at a further, smaller
   * resolution. Every random draw for the image is keyed by it.
   */
  id: z.string(),
  /** Path relative to `data.root`, with forward slashes. */
  path: z.string(),
  sha256,
  /** Width and height in pixels after EXIF rotation. */
  size,
  /** Width and height of the image's bucket in pixels. */
  bucket: size,
  repeats: z.number().int().min(1),
  /** Complete caption, with trigger, prefix, text and suffix already joined. */
  caption: z.string(),
  /** Whether the image is kept out of training to measure the validation loss on it. */
  validation: z.boolean(),
  /** Whether it is a regularisation image. Its path is absolute, since it lies in another folder. */
  regularisation: z.boolean(),
  /** Prompt and seed of an image that the base model draws first (`sha256` is their hash); null for a file. */
  generated: z.strictObject({ prompt: z.string(), seed: z.number().int().min(0) }).nullable(),
  /** Factor on the loss of the image. */
  loss_weight: z.number().min(0),
  /** The file that masks the image; with `alpha` its opacity is the mask. Its path is like that of the image. */
  mask: z.strictObject({ path: z.string(), sha256, alpha: z.boolean() }).nullable(),
  /** Settings of the image's source that replace the same keys of `data` for this image. */
  own: z
    .strictObject({
      crop: z.enum(['center', 'random']),
      flip: z.boolean(),
      augment: augmentSchema.nullable(),
      shuffle_tags: z.boolean(),
      keep_tags: z.number().int().min(0),
      caption_dropout: z.number(),
      tag_dropout: z.number(),
    })
    .nullable(),
});

export const planSchema = z.strictObject({
  version: z.literal(PLAN_VERSION),
  /** Name of the run and of its LoRA file; the pattern allows no path. */
  name: z.string().regex(RUN_NAME),
  /** SHA-256 of the canonical JSON of the spec without paths, which is the identity of the run. */
  spec_sha256: sha256,
  seed: z.number().int().min(0),
  model: z.strictObject({
    /** Registry id or the name of the file, for people and metadata. */
    name: z.string(),
    path: z.string(),
    layout: z.enum(['diffusers', 'single_file']),
    /** Folder with configuration and tokenizers of a single-file checkpoint (diffusers layout); null for a folder. */
    config_dir: z.string().nullable(),
    family: z.enum(families),
    prediction: z.enum(predictions),
    zero_terminal_snr: z.boolean(),
    /** The shift of the noise levels; it has an effect with `prediction: flow` only. */
    flow_shift: z.number().positive(),
    vae_path: z.string().nullable(),
    /** How latents are scaled for the U-Net; null to use the VAE's configuration. */
    vae_scaling: vaeScalingSchema.nullable(),
    /** LoRA files that are merged into the base in memory; the path is absolute. */
    merge_loras: z.array(z.strictObject({ path: z.string(), sha256, strength: z.number() })),
    clip_skip: z.number().int().min(1),
    /** SHA-256 of the weights for the metadata, if the registry has it; else null. */
    sha256: sha256.nullable(),
  }),
  data: z.strictObject({
    root: z.string(),
    images: z.array(planImageSchema).min(1),
    crop: z.enum(['center', 'random']),
    flip: z.boolean(),
    augment: augmentSchema.nullable(),
    resolution_use: z.enum(resolutionUses),
    alpha_color: z.string(),
    shuffle_tags: z.boolean(),
    keep_tags: z.number().int().min(0),
    caption_dropout: z.number(),
    tag_dropout: z.number(),
    /** Marks in captions that have a meaning. Lines of which one is drawn are separate lines in `caption`. */
    caption_options: captionOptionsSchema.nullable(),
    masks: masksSchema.omit({ from: true, find: true }).nullable(),
    /** Tokens that a caption may have before it is cut: 75, 150 or 225, in chunks of 75. */
    max_tokens: z.union([z.literal(75), z.literal(150), z.literal(225)]),
  }),
  training: z.strictObject({
    steps: z.number().int().min(1),
    batch_size: z.number().int().min(1),
    batch_size_at: batchSizesSchema,
    gradient_accumulation: z.number().int().min(1),
    /** Batches (forward passes) of one epoch, from the bucket plan: Σ over buckets ⌈uses ÷ batch size⌉. The trainer checks it. */
    batches_per_epoch: z.number().int().min(1),
    learning_rate: z.number().positive(),
    /** One learning rate per text encoder (one for SD1.5, two for SDXL); with 0 it is not trained. */
    text_encoder_learning_rates: z.array(z.number().min(0)).min(1).max(2),
    /** After how many steps text encoders are no longer trained; null for never. */
    text_encoder_steps: z.number().int().min(1).nullable(),
    optimizer: z.enum(optimizers),
    optimizer_args: optimizerArgsSchema.nullable(),
    weight_decay: z.number(),
    betas: z.tuple([z.number(), z.number()]),
    schedule: z.enum(schedules),
    schedule_args: scheduleArgsSchema.nullable(),
    warmup_steps: z.number().int().min(0),
    cycles: z.number().int().min(1),
    max_grad_norm: z.number().min(0),
    /** Largest weight change s · ‖up · down‖ of a layer; null for no bound. */
    max_weight_norm: z.number().positive().nullable(),
    ema: emaSchema.nullable(),
    rank: z.number().int().min(1),
    alpha: z.number().positive(),
    dropout: z.number().min(0),
    targets: z.enum(['all', 'attention']),
    conv_rank: z.number().int().min(0),
    conv_alpha: z.number().positive(),
    adapter: z.enum(adapters),
    lokr: lokrSchema.extend({ factor: z.number().int() }).nullable(),
    dora: z.boolean(),
    rslora: z.boolean(),
    lora_plus_ratio: z.number().min(1).nullable(),
    rank_dropout: z.number().min(0),
    module_dropout: z.number().min(0),
    t_lora: tLoraSchema.nullable(),
    layers: z.array(layerRuleSchema),
    loss: z.enum(losses),
    huber_c: z.number().positive(),
    huber_schedule: z.enum(huberSchedules),
    huber_scale: z.number().positive(),
    loss_weighting: z.enum(lossWeightings),
    min_snr_gamma: z.number().positive().nullable(),
    p2_gamma: z.number().positive(),
    scale_v_loss: z.boolean(),
    v_like_loss: z.number().min(0),
    noise_offset: z.number().min(0),
    noise_offset_random: z.boolean(),
    noise_offset_adaptive: z.number(),
    multires_noise: multiresSchema.nullable(),
    input_perturbation: perturbationSchema.nullable(),
    timesteps: timestepsSchema.nullable(),
    /** What the base predicts with `class_word` (empty: nothing) in place of `trigger` must stay. */
    preservation: preservationSchema.extend({ trigger: z.string() }).nullable(),
    pivotal: plannedPivotalSchema.nullable(),
    /** Absolute path of a LoRA that training starts from; null to start anew. */
    init_lora: z.string().nullable(),
  }),
  validation: z.strictObject({
    /** How often the loss is validated in addition to checkpoints; null for at checkpoints only. */
    every: every.nullable(),
    /** Number of trained images whose loss is measured before and after training; 0 for none. */
    images: z.number().int().min(0),
    /** After how many validations with a higher loss the run ends by itself; null for never. */
    patience: z.number().int().min(3).nullable(),
    /** By how many standard errors of the paired differences the loss must be higher. */
    min_change: z.number().min(1),
  }),
  samples: z.strictObject({
    every,
    /** Prompts without the options that run.yaml may have behind them. */
    prompts: z.array(z.string()),
    /** One shot for each prompt, where any has options of its own; null where all share the settings below. */
    shots: z
      .array(
        z.strictObject({
          prompt: z.string(),
          negative: z.string(),
          steps: z.number().int().min(1),
          guidance: z.number().min(1),
          seed: z.number().int().min(0),
          size,
          /** Factor on the weight change of the LoRA. */
          strength: z.number(),
          clip_skip: z.number().int().min(1).nullable(),
        }),
      )
      .nullable(),
    sampler: z.enum(samplers),
    spacing: z.enum(spacings),
    negative: z.string(),
    steps: z.number().int().min(1),
    guidance: z.number().min(1),
    seed: z.number().int().min(0),
    /** Width and height in pixels. */
    size,
  }),
  output: z.strictObject({
    precision: z.enum(precisions),
    metadata: z.enum(['full', 'minimal', 'none']),
    /** Ready-made `ss_*` and `modelspec.*` facts that only TypeScript knows (trigger, tag counts …). */
    facts: z.record(z.string(), z.string()),
    diffusers: z.boolean(),
    checkpoint_every: every,
    checkpoint_keep: z.number().int().min(1),
    save_every: every,
    save_keep: z.number().int().min(1).nullable(),
  }),
  resources: z.strictObject({
    device: z.string(),
    precision: z.enum(precisions),
    vae_precision: z.enum(precisions),
    gradient_checkpointing: z.enum(['none', 'selective', 'full']),
    base_precision: z.enum(packings),
    text_precision: z.enum(packings),
    stream_base: z.boolean(),
    attention: z.enum(['sdpa', 'math']),
    channels_last: z.boolean(),
    tf32: z.boolean(),
    compile: z.boolean(),
    deterministic: z.boolean(),
    /** What is done when two trial steps on a card, before the first step, do not fit. */
    probe: z.enum(probes),
    /** Estimated bytes of tensors at the peak of a step; null where no card trains, or there is no estimate. */
    counted_memory: z.number().int().positive().nullable(),
    workers: z.number().int().min(0),
    threads: z.number().int().min(1),
    ...plannedDevices,
    /** Folder of the cache of latents and text embeddings. Its files are named by content, and all runs share it. */
    cache_dir: z.string(),
  }),
});

export type Plan = z.infer<typeof planSchema>;
export type PlanImage = z.infer<typeof planImageSchema>;
