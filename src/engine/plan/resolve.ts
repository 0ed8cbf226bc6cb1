/**
 * Turns spec, images, model and machine into the plan that the trainer carries out. Pure: the same input gives the
 * same plan.
 */
import { basename, resolve as resolvePath } from 'node:path';
import { readPromptLine } from '../../spec/prompt-flags.ts';
import { findings } from '../../spec/rules.ts';
import type { RunSpec } from '../../spec/schema.ts';
import { plannedCadence } from '../../spec/sections/cadence.ts';
import { largestSide } from '../../spec/sections/resolution.ts';
import { adapterKeys } from '../../spec/training/adapter-keys.ts';
import { lossKeys } from '../../spec/training/loss-keys.ts';
import type { HashedScan } from '../dataset/hash.ts';
import { isFurther } from '../dataset/sizes.ts';
import type { Hardware } from '../hardware/probe.ts';
import { emptied } from './caption-rules.ts';
import { chooseDevice } from './device.ts';
import { metadataFacts, sharedFacts } from './facts.ts';
import { specSha256 } from './identity.ts';
import { batchesPerEpoch, stepsOf, warmupOf } from './lengths.ts';
import { countedMemory, memoryWarnings } from './memory.ts';
import { plannedPivotal, textEncoderRates } from './parameters.ts';
import { type ImagesInput, maxTokens, planSamples } from './samples.ts';
import { PLAN_VERSION, type Plan, type PlanImage, planSchema } from './schema.ts';
import { keptTags, triggersOf } from './sources.ts';
import { planWarnings } from './warnings.ts';

/** A model on this disk, ready to be read. */
export interface LocatedBase {
  readonly path: string;
  readonly layout: 'diffusers' | 'single_file';
  readonly configDir: string | null;
  /** Absolute path of the VAE that `model.vae` names; null for the base model's own. */
  readonly vaePath: string | null;
  readonly sha256: string | null;
}

export interface PlanInput extends ImagesInput {
  /** Folder of run.yaml, which relative paths in the spec start from. */
  readonly dir: string;
  /** Hashes of images whose captions are written before the training. */
  readonly uncaptioned?: readonly string[];
  readonly model: LocatedBase;
  readonly hardware: Hardware;
  /** Packages among `extraPackages(spec)` that the Python to train with lacks. */
  readonly lacking: readonly string[];
  /** Values of the base model's recipe by key; without it the metadata holds no settings under our own key. */
  readonly usual?: (key: string) => unknown;
  readonly cacheDir: string;
  /** The LoRA files of `model.merge_loras` with absolute paths. */
  readonly merged?: Plan['model']['merge_loras'];
  /** Whether a name in the spec is a registry id. */
  readonly isModelId: (name: string) => boolean;
}

export interface ResolvedPlan {
  readonly plan: Plan;
  /** Sentences for the person about what was changed and what looks wrong. Notes of the scan are not repeated. */
  readonly warnings: readonly string[];
}

/**
 * Makes the plan.
 * @throws {EnvironmentError} when the spec names a device that this machine lacks, or an optimiser that its Python
 *   lacks
 */
export function resolvePlan(input: PlanInput): ResolvedPlan {
  const { spec, dir, scan, model, hardware, cacheDir } = input;
  const { training: t, dataset: d, resources: r } = spec;
  const device = chooseDevice(spec, hardware, input.lacking);
  const samples = planSamples(input);
  const processes = device.processes * r.nodes;
  const batches = batchesPerEpoch(samples, t.batch_size * processes);
  const steps = stepsOf(t, batches);
  const warmup = warmupOf(t, steps);
  const bare: Plan = planSchema.parse({
    version: PLAN_VERSION,
    name: spec.name,
    spec_sha256: specSha256(spec, input.isModelId, processes),
    seed: t.seed,
    model: {
      name: input.isModelId(spec.model.base) ? spec.model.base : basename(spec.model.base),
      path: model.path,
      layout: model.layout,
      config_dir: model.configDir,
      family: spec.model.family,
      prediction: spec.model.prediction,
      zero_terminal_snr: spec.model.zero_terminal_snr,
      flow_shift: spec.model.flow_shift,
      vae_path: model.vaePath,
      vae_scaling: spec.model.vae_scaling,
      merge_loras: input.merged ?? [],
      clip_skip: spec.model.clip_skip,
      sha256: model.sha256,
    },
    data: {
      root: scan.root,
      images: samples,
      crop: d.crop,
      flip: d.flip,
      augment: d.augment,
      alpha_color: d.alpha_color,
      shuffle_tags: d.shuffle_tags,
      keep_tags: keptTags(d, triggersOf(d)),
      caption_dropout: d.caption_dropout,
      tag_dropout: d.tag_dropout,
      caption_options: d.caption_options,
      masks: d.masks === null ? null : pick(d.masks, ['outside', 'normalise', 'unmasked_share', 'focus']),
      max_tokens: maxTokens(samples, d.caption_options),
    },
    training: {
      steps,
      batch_size: t.batch_size,
      gradient_accumulation: t.gradient_accumulation,
      batches_per_epoch: batches,
      learning_rate: t.learning_rate,
      text_encoder_learning_rates: textEncoderRates(spec),
      text_encoder_steps: t.text_encoder_until === 1 ? null : Math.max(1, Math.round(t.text_encoder_until * steps)),
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
      ema: t.ema,
      rank: t.rank,
      alpha: t.alpha,
      dropout: t.dropout,
      targets: t.targets,
      conv_rank: t.conv_rank,
      conv_alpha: t.conv_alpha,
      ...pick(t, adapterNames),
      ...pick(t, lossNames),
      preservation: t.preservation === null ? null : { ...t.preservation, trigger: d.trigger.trim() },
      pivotal: plannedPivotal(t.pivotal, d.trigger, steps),
      init_lora: t.init_lora === null ? null : resolvePath(dir, t.init_lora),
    },
    validation: plannedValidation(spec, steps * processes, samples),
    samples: plannedSamples(spec),
    output: {
      precision: spec.output.precision,
      metadata: spec.output.metadata,
      facts: metadataFacts(spec, samples, input.usual && sharedFacts(spec, input.usual)),
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
      base_precision: r.base_precision,
      text_precision: r.text_precision,
      stream_base: r.stream_base && device.device.startsWith('cuda'),
      attention: r.attention,
      channels_last: r.channels_last,
      tf32: device.tf32,
      compile: r.compile,
      deterministic: r.deterministic,
      probe: r.probe,
      counted_memory: null,
      workers: r.workers,
      threads: r.threads ?? Math.max(1, Math.floor(hardware.cpuCores / device.processes)),
      processes,
      nodes: r.nodes,
      cards: device.cards,
      cache_dir: cacheDir,
    },
  });
  const plan = { ...bare, resources: { ...bare.resources, counted_memory: countedMemory(bare) } };
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

function plannedValidation(spec: RunSpec, steps: number, samples: readonly PlanImage[]): Plan['validation'] {
  const { every, patience, min_change, images } = spec.validation;
  const trained = samples.filter((s) => !s.validation && !s.regularisation && !isFurther(s)).length;
  const most = Math.min(trained, images ?? imagesInTime(spec, steps));
  return {
    every: every === null ? null : plannedCadence(every),
    images: most < LEAST_IMAGES ? 0 : most,
    patience,
    min_change,
  };
}

/** With fewer images than this, unusual losses cannot be told from usual ones; the trainer has the same number. */
const LEAST_IMAGES = 8;
/**
 * Forward passes to measure the loss of an image: four timesteps, before and after training. A step takes as long as
 * three passes of each of its images.
 */
const PASSES = 8;
const PASSES_OF_STEP = 3;

/** On how many images the loss can be measured within a twentieth of the time of the steps. */
const imagesInTime = ({ training: t }: RunSpec, steps: number) =>
  Math.min(256, Math.floor((steps * t.batch_size * t.gradient_accumulation * PASSES_OF_STEP) / PASSES / 20));

const adapterNames = Object.keys(adapterKeys) as (keyof typeof adapterKeys)[];

/**
 * The samples of the plan. Where any prompt has options of its own, all become shots, each with everything that
 * decides its sample.
 */
export function plannedSamples({ samples: s, dataset: d }: RunSpec): Plan['samples'] {
  const lines = s.prompts.map((text) => readPromptLine(text).line);
  const side = largestSide(d.resolution);
  const shots = lines.map(({ prompt, negative, width, height, seed, steps, guidance, strength, clip_skip }, i) => ({
    prompt,
    negative: negative ?? s.negative,
    steps: steps ?? s.steps,
    guidance: guidance ?? s.guidance,
    seed: seed ?? s.seed + i,
    size: [width ?? side, height ?? side] as [number, number],
    strength: strength ?? 1,
    clip_skip: clip_skip ?? null,
  }));
  const own = lines.some((line) => Object.keys(line).length > 1);
  return {
    ...s,
    every: plannedCadence(s.every),
    prompts: lines.map(({ prompt }) => prompt),
    shots: own ? shots : null,
    size: [side, side],
  };
}

const lossNames = Object.keys(lossKeys) as (keyof typeof lossKeys)[];

/** The settings of `names`, which have the same form in the plan and in run.yaml. */
const pick = <T extends object, K extends keyof T>(from: T, names: readonly K[]): Pick<T, K> =>
  Object.fromEntries(names.map((name) => [name, from[name]])) as Pick<T, K>;

/** The scan without the images whose captions are still to be written, so that no warning calls them uncaptioned. */
function withoutPending(scan: HashedScan, uncaptioned: readonly string[] = []): HashedScan {
  const pending = new Set(uncaptioned);
  return { ...scan, images: scan.images.filter(({ sha256 }) => !pending.has(sha256)) };
}
