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
import type { Hardware } from '../hardware/probe.ts';
import { emptied } from './caption-rules.ts';
import { chooseDevice, type DeviceChoice } from './device.ts';
import { metadataFacts, sharedFacts } from './facts.ts';
import { specSha256 } from './identity.ts';
import { batchesPerEpoch, batchOf, plannedValidation, stepsOf, warmupOf } from './lengths.ts';
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
  const { spec, scan, hardware } = input;
  const { training: t, resources: r } = spec;
  const device = chooseDevice(spec, hardware, input.lacking);
  const images = planSamples(input);
  const processes = device.processes * r.nodes;
  const batches = batchesPerEpoch(images, batchOf(t, processes), spec.dataset.resolution_use);
  const steps = stepsOf(t, batches);
  const warmup = warmupOf(t, steps);
  const bare: Plan = planSchema.parse({
    version: PLAN_VERSION,
    name: spec.name,
    spec_sha256: specSha256(spec, input.isModelId, processes),
    seed: t.seed,
    model: plannedModel(input),
    data: plannedData(spec, scan.root, images),
    training: plannedTraining(input, { steps, batches, warmup: warmup.steps, optimizer: device.optimizer }),
    validation: plannedValidation(spec, steps * processes, images),
    samples: plannedSamples(spec),
    output: plannedOutput(spec, metadataFacts(spec, images, input.usual && sharedFacts(spec, input.usual))),
    resources: plannedResources(input, device),
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

function plannedModel({ spec, model, merged, isModelId }: PlanInput): Plan['model'] {
  return {
    name: isModelId(spec.model.base) ? spec.model.base : basename(spec.model.base),
    path: model.path,
    layout: model.layout,
    config_dir: model.configDir,
    family: spec.model.family,
    prediction: spec.model.prediction,
    zero_terminal_snr: spec.model.zero_terminal_snr,
    flow_shift: spec.model.flow_shift,
    vae_path: model.vaePath,
    vae_scaling: spec.model.vae_scaling,
    merge_loras: merged ?? [],
    clip_skip: spec.model.clip_skip,
    sha256: model.sha256,
  };
}

function plannedData({ dataset: d }: RunSpec, root: string, images: readonly PlanImage[]) {
  return {
    root,
    images,
    crop: d.crop,
    flip: d.flip,
    augment: d.augment,
    resolution_use: d.resolution_use,
    alpha_color: d.alpha_color,
    shuffle_tags: d.shuffle_tags,
    keep_tags: keptTags(d, triggersOf(d)),
    caption_dropout: d.caption_dropout,
    tag_dropout: d.tag_dropout,
    caption_options: d.caption_options,
    masks: d.masks === null ? null : pick(d.masks, ['outside', 'normalise', 'unmasked_share', 'focus']),
    max_tokens: maxTokens(images, d.caption_options),
  };
}

interface Length {
  readonly steps: number;
  /** Batches of an epoch. */
  readonly batches: number;
  /** Steps of the warm-up. */
  readonly warmup: number;
}

function plannedTraining(
  { spec, dir }: PlanInput,
  { steps, batches, warmup, optimizer }: Length & Pick<DeviceChoice, 'optimizer'>,
) {
  const { training: t, dataset: d } = spec;
  return {
    steps,
    batch_size: t.batch_size,
    batch_size_at: t.batch_size_at,
    gradient_accumulation: t.gradient_accumulation,
    batches_per_epoch: batches,
    learning_rate: t.learning_rate,
    text_encoder_learning_rates: textEncoderRates(spec),
    text_encoder_steps: t.text_encoder_until === 1 ? null : Math.max(1, Math.round(t.text_encoder_until * steps)),
    optimizer,
    warmup_steps: warmup,
    ...pick(t, sameNames),
    preservation: t.preservation === null ? null : { ...t.preservation, trigger: d.trigger.trim() },
    pivotal: plannedPivotal(t.pivotal, d.trigger, steps),
    init_lora: t.init_lora === null ? null : resolvePath(dir, t.init_lora),
  };
}

function plannedOutput({ output }: RunSpec, facts: Plan['output']['facts']) {
  return {
    ...pick(output, ['precision', 'metadata', 'diffusers', 'checkpoint_keep', 'save_keep']),
    facts,
    checkpoint_every: plannedCadence(output.checkpoint_every),
    save_every: plannedCadence(output.save_every ?? output.checkpoint_every),
  };
}

function plannedResources({ spec, hardware, cacheDir }: PlanInput, device: DeviceChoice) {
  const { resources: r } = spec;
  return {
    ...pick(r, ['gradient_checkpointing', 'base_precision', 'text_precision', 'attention', 'channels_last']),
    ...pick(r, ['compile', 'deterministic', 'probe', 'workers', 'nodes']),
    device: device.device,
    precision: device.precision,
    vae_precision: device.vaePrecision,
    stream_base: r.stream_base && device.device.startsWith('cuda'),
    tf32: device.tf32,
    counted_memory: null,
    threads: r.threads ?? Math.max(1, Math.floor(hardware.cpuCores / device.processes)),
    processes: device.processes * r.nodes,
    cards: device.cards,
    cache_dir: cacheDir,
  };
}

/** Settings of the section `training` that have the same name and form in the plan and in run.yaml. */
const sameNames = [
  ...(['optimizer_args', 'weight_decay', 'betas', 'schedule', 'schedule_args', 'cycles'] as const),
  ...(['max_grad_norm', 'max_weight_norm', 'ema', 'rank', 'alpha', 'dropout', 'targets'] as const),
  ...(['conv_rank', 'conv_alpha'] as const),
  ...(Object.keys(adapterKeys) as (keyof typeof adapterKeys)[]),
  ...(Object.keys(lossKeys) as (keyof typeof lossKeys)[]),
];

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

/** The settings of `names`, which have the same form in the plan and in run.yaml. */
const pick = <T extends object, K extends keyof T>(from: T, names: readonly K[]): Pick<T, K> =>
  Object.fromEntries(names.map((name) => [name, from[name]])) as Pick<T, K>;

/** The scan without the images whose captions are still to be written, so that no warning calls them uncaptioned. */
function withoutPending(scan: HashedScan, uncaptioned: readonly string[] = []): HashedScan {
  const pending = new Set(uncaptioned);
  return { ...scan, images: scan.images.filter(({ sha256 }) => !pending.has(sha256)) };
}
