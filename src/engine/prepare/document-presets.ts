/** The presets for one partial run.yaml: values of its base model, its length by the number of images, its name. */
import { basename, resolve } from 'node:path';
import { findBase } from '../../registry/catalogue/find.ts';
import type { Registry } from '../../registry/catalogue/schema.ts';
import type { ModelFacts } from '../../registry/checkpoints/identify.ts';
import { factsOfLora } from '../../registry/checkpoints/lora-uses.ts';
import { type LengthRule, stepsFor } from '../../spec/length.ts';
import { goals, predictions } from '../../spec/schema.ts';
import { ARCHIVE_ENDING } from '../dataset/names.ts';
import { type Mapping, textAt, valueAt } from './mapping.ts';
import { type Preset, presetValues, recipeEntryOf } from './presets.ts';

export interface PresetOptions {
  /** Folder that relative paths in the spec start from. Its name becomes the run's name when the data set is `.`. */
  readonly dir?: string;
  /** Facts read from the model's file, when `model.base` is a path. */
  readonly facts?: ModelFacts | undefined;
  /** Number of usable images, once they have been counted; a recipe's length follows it. */
  readonly images?: number | undefined;
}

/** The value of each key that the document may leave out, and who decides it. */
export function presetsFor(
  document: Mapping,
  registry: Registry,
  { dir, facts, images }: PresetOptions,
): ReadonlyMap<string, Preset> {
  const base = textAt(document, 'model', 'base');
  const goal = goals.find((g) => g === textAt(document, 'dataset', 'goal')) ?? 'concept';
  const family = textAt(document, 'model', 'family');
  const prediction = textAt(document, 'model', 'prediction');
  const wanted = {
    registry,
    model: { entry: base === undefined ? undefined : findBase(registry, base), facts },
    goal,
    trigger: textAt(document, 'dataset', 'trigger') ?? '',
    family: family === 'sd15' || family === 'sdxl' ? family : undefined,
    prediction: predictions.find((known) => known === prediction),
  } as const;
  const presets = new Map(presetValues(wanted));
  followImages(presets, document, recipeEntryOf(wanted)?.length, images);
  const steps = valueAt(document, ['training', 'steps']) ?? presets.get('training.steps')?.value;
  const warmup = presets.get('training.warmup')?.value;
  // A recipe's warm-up suits the recipe's own length, so a shorter run gets a shorter warm-up.
  if (typeof steps === 'number' && typeof warmup === 'number' && warmup >= 1 && warmup >= steps)
    presets.set('training.warmup', { value: Math.max(0, Math.floor(steps / 10)), by: 'preset' });
  followLora(presets, document, dir);
  presets.set('name', { value: runName(textAt(document, 'dataset', 'path'), dir), by: 'preset' });
  return presets;
}

/** Kind, rank and alpha that are not given are those of the LoRA that is gone on from. */
function followLora(presets: Map<string, Preset>, document: Mapping, dir = '.'): void {
  const path = textAt(document, 'training', 'init_lora');
  const facts = path === undefined || path === '' ? undefined : factsOfLora(resolve(dir, path));
  if (facts === undefined) return;
  const given = (...keys: readonly string[]) => keys.some((key) => valueAt(document, ['training', key]) !== undefined);
  const set = (values: object) => {
    for (const [key, value] of Object.entries(values))
      if (value !== undefined) presets.set(`training.${key}`, { value, by: 'detected' });
  };
  if (!given('adapter', 'dora')) set(facts.kind);
  const isSplit =
    facts.lokr !== undefined && (facts.lokr.factor !== -1 || facts.lokr.decompose_both || facts.lokr.full);
  if (isSplit && !given('lokr')) set({ lokr: facts.lokr });
  // If the person gives one of the numbers, none is taken from the LoRA: rank and alpha have a meaning only together.
  if (!given('rank', 'alpha', 'conv_rank', 'conv_alpha')) set(facts.ranks);
}

/** A mark in the presets that is no key of run.yaml: no length is given, so it follows the number of images. */
export const FOLLOWS_IMAGES = 'training.steps:images';

/** Replaces the recipe's steps by those for the number of images, unless the document gives steps. */
function followImages(
  presets: Map<string, Preset>,
  document: Mapping,
  rule: LengthRule | undefined,
  images: number | undefined,
): void {
  const recipe = (key: string) => Number(presets.get(`training.${key}`)?.value ?? 1);
  if (rule === undefined || valueAt(document, ['training', 'steps']) !== undefined) return;
  presets.set(FOLLOWS_IMAGES, { value: true, by: 'preset' });
  if (images === undefined || images < 1) return;
  const now = (key: string) => {
    const given = valueAt(document, ['training', key]);
    return typeof given === 'number' && given >= 1 ? given : recipe(key);
  };
  const both = ['batch_size', 'gradient_accumulation'];
  const product = (of: (key: string) => number) => both.reduce((all, key) => all * of(key), 1);
  const recipeUses = recipe('steps') * product(recipe);
  presets.set('training.steps', {
    value: stepsFor({ images, perStep: product(now), recipeUses }, rule),
    by: 'detected',
  });
}

/** A name for the run: that of the data set's folder, without characters that a run's name must not have. */
export function runName(path: string | undefined, dir = '.'): string {
  const folder = basename(resolve(dir, path ?? '.'))
    .replace(ARCHIVE_ENDING, '')
    .normalize('NFKD');
  const name = folder
    .replaceAll(/[^A-Za-z0-9._-]+/gu, '-')
    .replace(/^[^A-Za-z0-9]+/u, '')
    .replace(/[-.]+$/u, '')
    .slice(0, 100);
  return name === '' ? 'lora' : name;
}
