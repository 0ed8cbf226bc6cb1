/**
 * Chooses the models that judge: those that were requested, else those that are already on this disk and suit the base
 * model.
 */
import { basename, join } from 'node:path';
import { UsageError } from '../../base/errors.ts';
import { statOf } from '../../base/files/stat.ts';
import { absolute, type Places } from '../../base/paths.ts';
import { findAsset, findBase } from '../../registry/catalogue/find.ts';
import { locateModel } from '../../registry/catalogue/locate.ts';
import type { AssetEntry, Registry } from '../../registry/catalogue/schema.ts';

/** A model that judges, in a folder. */
export interface JudgeModel {
  readonly folder: string;
  readonly isTagger: boolean;
  /** The registry's entry, which may have to be fetched; undefined for a folder of the person's own. */
  readonly entry: AssetEntry | undefined;
}

export interface JudgeModels {
  /** The model that compares images; null for the built-in measure. */
  readonly likeness: JudgeModel | null;
  /** The model that measures how well samples fit their prompts; null for none. */
  readonly fit: JudgeModel | null;
}

export interface JudgeModelNames {
  readonly likeness?: string | undefined;
  readonly fit?: string | undefined;
}

/** The words that stand for no model. */
const NO_MODEL = { likeness: 'pixels', fit: 'none' } as const;
type Task = keyof typeof NO_MODEL;

/** The registry's models by task, the best first. The model that compares images must also recognise copies. */
const CANDIDATES = { likeness: ['dinov2-small'], fit: ['clip-vit-large-patch14'] } as const;

const FILES = {
  tagger: ['model.onnx', 'selected_tags.csv'],
  model: ['config.json', 'preprocessor_config.json', 'model.safetensors'],
} as const;

interface Input {
  readonly wanted: JudgeModelNames;
  /** Name of the base model in the plan. */
  readonly base: string;
  readonly registry: Registry;
  readonly places: Places;
}

/**
 * Chooses the models.
 * @throws UsageError for a name or folder of no suitable model
 */
export function judgeModels(input: Input): JudgeModels {
  return { likeness: modelFor('likeness', input), fit: modelFor('fit', input) };
}

function modelFor(task: Task, input: Input): JudgeModel | null {
  const name = input.wanted[task];
  if (name === NO_MODEL[task]) return null;
  return name === undefined ? modelHere(task, input) : namedModel(task, name, input);
}

/** A model of the registry that is complete on this disk: nothing is fetched that nobody requested. */
function modelHere(task: Task, { base, registry, places }: Input): JudgeModel | null {
  const entry = findBase(registry, base);
  // Models of photographs and drawings cannot judge the embedded model's tiny images.
  if (entry?.embedded !== undefined) return null;
  const taggers = task === 'fit' && entry?.caption_style === 'tags' ? registry.assets.filter(isTagger) : [];
  const others = CANDIDATES[task].flatMap((id) => findAsset(registry, id) ?? []);
  const found = [...taggers, ...others].find((asset) => locateModel(asset, places).ready);
  return found === undefined ? null : inRegistry(found, places);
}

function namedModel(task: Task, name: string, { registry, places }: Input): JudgeModel {
  const entry = findAsset(registry, name);
  if (entry !== undefined && (entry.kind === 'judge' || isTagger(entry))) return inRegistry(entry, places);
  const folder = absolute(name, { cwd: process.cwd() });
  const has = (file: string) => statOf(join(folder, file))?.isFile() === true;
  if (FILES.tagger.every(has)) return { folder, isTagger: true, entry: undefined };
  const missing = FILES.model.filter((file) => !has(file));
  if (missing.length === 0) return { folder, isTagger: false, entry: undefined };
  const known = registry.assets.filter((asset) => asset.kind === 'judge' || isTagger(asset)).map(({ id }) => id);
  throw new UsageError(
    statOf(folder)?.isDirectory() === true
      ? `--${task}: ${name} holds no model that judges: ${missing.join(', ')} not in it.`
      : `--${task}: ${name} is neither a model that judges nor a folder.`,
    {
      id: 'command/wrong-value',
      details: [`Models that can: ${known.join(', ')}`],
      nextSteps: [
        `Take one of them, a folder in the form of transformers (DINOv2 or CLIP), or that of a tagger.`,
        `Or judge without: --${task} ${NO_MODEL[task]}`,
      ],
    },
  );
}

const isTagger = ({ kind }: AssetEntry) => kind === 'tagger';

const inRegistry = (entry: AssetEntry, places: Places): JudgeModel => ({
  folder: locateModel(entry, places).path,
  isTagger: isTagger(entry),
  entry,
});

/** Name of a judging model, with the licence when it comes from the registry: `dinov2-small (licence: Apache-2.0)`. */
export function modelWords({ folder, entry }: JudgeModel): string {
  return entry === undefined ? basename(folder) : `${entry.id} (licence: ${entry.license.name})`;
}
