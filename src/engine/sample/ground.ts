/** Finds the base model for LoRA files from their metadata, and makes a plan for drawing with it. */
import { existsSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { UsageError } from '../../base/errors.ts';
import type { Places } from '../../base/paths.ts';
import { findAsset, findBase } from '../../registry/catalogue/find.ts';
import type { ModelEntry, Registry } from '../../registry/catalogue/schema.ts';
import { readModelFacts } from '../../registry/checkpoints/identify.ts';
import { readSafetensorsHeader } from '../../registry/checkpoints/safetensors.ts';
import type { RunSpec } from '../../spec/schema.ts';
import { probeHardware } from '../hardware/probe.ts';
import { layersOf, loraBase, toldBase } from '../lora/layers.ts';
import { type LocatedBase, resolvePlan } from '../plan/resolve.ts';
import type { Plan } from '../plan/schema.ts';
import { resolveBase } from '../prepare/base.ts';
import { fillSpec } from '../prepare/fill.ts';
import { loadSpec } from '../prepare/load.ts';
import { RUN_FILES } from '../run-folder/layout.ts';

/** The base model of a LoRA file, according to the file. */
interface LoraBase {
  readonly path: string;
  readonly family: 'sd15' | 'sdxl' | null;
  /** The registry's entry of that base model; undefined where there is none. */
  readonly entry: ModelEntry | undefined;
  /** Name of the base model in the file. */
  readonly name: string;
}

const FAMILIES = { 'SD 1.5': 'sd15', SDXL: 'sdxl' } as const;

/**
 * Reads the base model from a file.
 * @throws UsageError when it is no LoRA of a family that can be drawn here
 */
function loraBaseOf(path: string, registry: Registry): LoraBase {
  const header = readSafetensorsHeader(path);
  const { metadata } = header;
  const { layers } = layersOf(header);
  const family = loraBase(layers, header) ?? toldBase(metadata);
  if (layers.length === 0)
    throw new UsageError(`${path} holds no layer of a LoRA.`, {
      id: 'lora/unusable',
      nextSteps: [`visiontrain lora inspect ${basename(path)}`],
    });
  if (family !== null && family !== 'SD 1.5' && family !== 'SDXL')
    throw new UsageError(`${basename(path)} is for ${family}; samples are drawn here on SD 1.5 and SDXL.`, {
      id: 'model/not-supported',
    });
  const hash = metadata.ss_new_sd_model_hash?.toLowerCase();
  const name = metadata.ss_sd_model_name ?? '';
  const isOf = ({ id, aliases, files }: ModelEntry) =>
    files.some(({ sha256, path: file }) => (hash !== undefined && sha256 === hash) || basename(file) === name) ||
    [id, ...aliases].includes(name);
  return {
    path,
    family: family === null ? null : FAMILIES[family],
    entry: registry.models.find(isOf),
    name: name || metadata.ss_base_model_version || '',
  };
}

/**
 * The id of the base model of the files.
 * @throws UsageError when they name no known one, or different ones
 */
export function baseOfLoras(paths: readonly string[], registry: Registry): string {
  const bases = paths.map((path) => loraBaseOf(path, registry));
  refuseMixed(bases);
  const entry = bases.find((each) => each.entry !== undefined)?.entry;
  if (entry !== undefined) return entry.id;
  const [first] = bases;
  const family = bases.find((each) => each.family !== null)?.family;
  const fitting = registry.models.filter((model) => family === undefined || model.family === family);
  const called = first?.name ? `it calls it ${first.name}` : 'it does not say';
  throw new UsageError(`The base model of ${basename(first?.path ?? '')} is none that is known here: ${called}.`, {
    id: 'sample/base',
    details: [`Bases of its kind: ${fitting.map(({ id }) => id).join(', ')}.`],
    nextSteps: [`Name one, or a file:  --base ${fitting[0]?.id ?? 'sdxl'}`],
  });
}

function refuseMixed(bases: readonly LoraBase[]): void {
  const families = new Set(bases.flatMap(({ family }) => family ?? []));
  if (families.size < 2) return;
  throw new UsageError('These LoRAs are for different base models, so no picture can be drawn with all of them.', {
    id: 'lora/unusable',
    details: bases.map(({ path, family }) => `${basename(path)}: ${family ?? 'unknown'}`),
    nextSteps: ['Draw with each alone.'],
  });
}

interface Here {
  readonly dir: string;
  readonly registry: Registry;
  readonly places: Places;
}

/**
 * The files of a base model.
 * @throws UsageError when they are not all on this machine
 */
async function basesFiles(model: RunSpec['model'], here: Here): Promise<LocatedBase> {
  const { base, needs } = await resolveBase({ model, ...here });
  const [need] = needs;
  if (need === undefined) return base;
  throw new UsageError(`The files of ${need.entry.title} are not all on this machine.`, {
    id: 'model/incomplete',
    nextSteps: [`visiontrain models pull ${need.entry.id}`],
  });
}

/** The plan of a run with the present paths of its base model's files, which may have moved since the training. */
export async function runGround(dir: string, plan: Plan, here: Omit<Here, 'dir'>): Promise<Plan> {
  const { path, config_dir, vae_path } = plan.model;
  if ([path, config_dir, vae_path].every((each) => each === null || existsSync(each))) return plan;
  const { spec } = loadSpec(join(dir, RUN_FILES.spec), { registry: here.registry });
  const located = await basesFiles(spec.model, { ...here, dir });
  const { configDir, vaePath } = located;
  return { ...plan, model: { ...plan.model, path: located.path, config_dir: configDir, vae_path: vaePath } };
}

export interface GroundInput {
  /** Id of a base, or a path. */
  readonly base: string;
  readonly loras: readonly string[];
  /** Values of run.yaml for drawing: `samples.*`, `resources.*`, `model.*`. */
  readonly values: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly registry: Registry;
  readonly places: Places;
  readonly env: NodeJS.ProcessEnv;
}

/** A stand-in image: a plan needs at least one. It is removed again, since nothing is trained. */
const STAND_IN = {
  path: 'none.png',
  size: [512, 512],
  format: 'png',
  caption: null,
  repeats: 1,
  sha256: '0'.repeat(64),
} as const;

/** Tokens that a prompt may have: the most that the encoders read. */
const MOST_TOKENS = 225;

/**
 * Makes the plan.
 * @throws UsageError when the base model is not here or of another family, EnvironmentError when the machine cannot
 *   draw
 */
export async function groundPlan(input: GroundInput): Promise<Plan> {
  const { base, loras, values, registry, places, env } = input;
  const cwd = process.cwd();
  const bases = loras.map((path) => loraBaseOf(path, registry));
  refuseMixed(bases);
  const entry = findBase(registry, base);
  const path = resolve(cwd, base);
  if (entry === undefined && !existsSync(path))
    throw new UsageError(`${base} is no base model here.`, {
      id: 'model/none',
      nextSteps: ['visiontrain models list   shows which there are; a path to a file works too'],
    });
  const facts = entry === undefined ? readModelFacts(path) : undefined;
  const document = { dataset: { path: '.' }, ...values, model: { ...values.model, base } };
  const { spec } = fillSpec(document, registry, { dir: cwd, facts });
  const other = bases.find(({ family }) => family !== null && family !== spec.model.family);
  if (other !== undefined)
    throw new UsageError(`${basename(other.path)} is for another family of models than ${base}.`, {
      id: 'lora/unusable',
      nextSteps: [`visiontrain lora check ${basename(other.path)} --base ${base}`],
    });
  const located = await basesFiles(spec.model, { dir: cwd, registry, places });
  const hardware = await probeHardware([places.home], env);
  const { plan } = resolvePlan({
    spec,
    dir: cwd,
    scan: { root: cwd, images: [STAND_IN], leftOut: [], folders: [], others: {}, otherCaptions: {}, notes: [] },
    model: located,
    hardware,
    lacking: [],
    cacheDir: places.cache,
    isModelId: (name) => (findBase(registry, name) ?? findAsset(registry, name)) !== undefined,
  });
  return {
    ...plan,
    data: { ...plan.data, images: [], max_tokens: MOST_TOKENS },
    resources: { ...plan.resources, gradient_checkpointing: 'none', compile: false },
  };
}
