/**
 * A partial run.yaml → a complete one. A given value counts first, then the recipe of the base model, then the schema's
 * default.
 */
import { basename, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { ConfigError } from '../../base/errors.ts';
import { findBase } from '../../registry/catalogue/find.ts';
import type { Registry } from '../../registry/catalogue/schema.ts';
import type { ModelFacts } from '../../registry/checkpoints/identify.ts';
import { anyWord, type KnownRun, plainName } from '../../spec/foreign.ts';
import { findKey, sections, specKeys } from '../../spec/keys.ts';
import { type LengthRule, stepsFor } from '../../spec/length.ts';
import { describeIssue, type KeyProblem } from '../../spec/problems.ts';
import { findings } from '../../spec/rules.ts';
import { type Chooser, goals, type Provenance, type RunSpec, SPEC_VERSION, specSchema } from '../../spec/schema.ts';
import { type Preset, presetValues, recipeEntryOf } from './presets.ts';

export interface FillOptions {
  /** Folder that relative paths in the spec start from. It also names the run when the data set is `.`. */
  readonly dir?: string;
  /** Facts read from the model's file, when `model.base` is a path. */
  readonly facts?: ModelFacts | undefined;
  /** Number of usable images, once they have been counted; a recipe's length follows it. */
  readonly images?: number | undefined;
  /** Who chose each key, according to the comments in the file. */
  readonly claimed?: ReadonlyMap<string, Chooser>;
  /** Counts how often the images of a folder are used in an epoch, for a file that counts in epochs. */
  readonly countUses?: (path: string) => number | undefined;
}

export interface FilledSpec {
  readonly spec: RunSpec;
  readonly provenance: Provenance;
  /** Fills the spec again for a number of images; undefined when nothing in it depends on that number. */
  readonly forImages?: ((images: number) => FilledSpec) | undefined;
}

export type Filled = (FilledSpec & { readonly problems?: undefined }) | { readonly problems: readonly KeyProblem[] };

/** Completes a spec. @throws {ConfigError} with every problem, without places, because nothing was read from a file */
export function fillSpec(partial: unknown, registry: Registry, options: FillOptions = {}): FilledSpec {
  const document = isMapping(partial) ? { version: SPEC_VERSION, ...partial } : partial;
  const filled = tryFill(document, registry, options);
  if (filled.problems === undefined) return filled;
  const problems = filled.problems.map(({ path, message }) => ({ file: 'run.yaml', key: path.join('.'), message }));
  throw new ConfigError('The settings do not fit together.', problems, { id: 'spec/not-together' });
}

/** Does the same without throwing. `document` must be of the current version. */
export function tryFill(document: unknown, registry: Registry, options: FillOptions): Filled {
  if (!isMapping(document)) return { problems: [{ path: [], message: 'must hold settings, such as version: 1' }] };
  const presets = presetsFor(document, registry, options);
  const problems: KeyProblem[] = [...modelProblems(document, registry, options.facts)];
  const parsed = specSchema.safeParse(merge(document, presets));
  if (!parsed.success) {
    // When the base model cannot be found, every recipe key is missing. Only problems that the person can see are
    // reported.
    const run = knownRun(document, presets, options);
    const described = parsed.error.issues.flatMap((issue) => describeIssue(issue, document, run));
    const isGiven = ({ path }: KeyProblem) => has(document, path) || required.has(path.join('.'));
    const given = described.filter(isGiven);
    const missing = described.filter((problem) => !isGiven(problem));
    const open = problems.length + given.length === 0 ? noRecipe(document, registry, options, missing) : [];
    return { problems: unique([...problems, ...given, ...open]) };
  }
  for (const { key, message } of findings(parsed.data, 'error')) problems.push({ path: key.split('.'), message });
  if (problems.length > 0) return { problems: unique(problems) };
  const counted = (images: number) => {
    const again = tryFill(document, registry, { ...options, images });
    // What is valid with the recipe's own length is valid with another within its bounds; if not, the recipe's own
    // stays.
    return again.problems === undefined ? again : filled;
  };
  const filled: FilledSpec = { spec: parsed.data, provenance: provenanceOf(document, presets, options.claimed) };
  return options.images === undefined && presets.has(FOLLOWS_IMAGES) ? { ...filled, forImages: counted } : filled;
}

/** Most words of a document that are looked at to understand one of them. */
const MOST_WORDS = 1000;

/** What is known of the run, to convert words of other trainers such as a number of epochs. */
function knownRun(document: Mapping, presets: ReadonlyMap<string, Preset>, { countUses }: FillOptions): KnownRun {
  let words: ReadonlyMap<string, unknown> | undefined;
  const value = (key: string) => {
    words ??= allWords(document);
    return valueAt(document, key.split('.')) ?? anyWord(key, words) ?? presets.get(key)?.value;
  };
  return {
    value,
    uses() {
      const path = value('dataset.path');
      return typeof path === 'string' ? countUses?.(path) : undefined;
    },
  };
}

/** Every name in a document, in any group, with its first value. */
function allWords(document: Mapping): ReadonlyMap<string, unknown> {
  const words = new Map<string, unknown>();
  const collect = (group: unknown): void => {
    if (typeof group !== 'object' || group === null) return;
    for (const [name, inner] of Object.entries(group)) {
      if (words.size >= MOST_WORDS) return;
      if (!words.has(plainName(name))) words.set(plainName(name), inner);
      collect(inner);
    }
  };
  collect(document);
  return words;
}

const required = new Set(['version', 'dataset', 'dataset.path', 'model', 'model.base']);

function presetsFor(
  document: Mapping,
  registry: Registry,
  { dir, facts, images }: FillOptions,
): ReadonlyMap<string, Preset> {
  const base = text(document, 'model', 'base');
  const goal = goals.find((g) => g === text(document, 'dataset', 'goal')) ?? 'concept';
  const family = text(document, 'model', 'family');
  const prediction = text(document, 'model', 'prediction');
  const wanted = {
    registry,
    model: { entry: base === undefined ? undefined : findBase(registry, base), facts },
    goal,
    trigger: text(document, 'dataset', 'trigger') ?? '',
    family: family === 'sd15' || family === 'sdxl' ? family : undefined,
    prediction: prediction === 'epsilon' || prediction === 'v_prediction' ? prediction : undefined,
  } as const;
  const presets = new Map(presetValues(wanted));
  followImages(presets, document, recipeEntryOf(wanted)?.length, images);
  const steps = valueAt(document, ['training', 'steps']) ?? presets.get('training.steps')?.value;
  const warmup = presets.get('training.warmup')?.value;
  // The warm-up of a recipe is meant for the recipe's own length, so a shorter run gets a shorter one.
  if (typeof steps === 'number' && typeof warmup === 'number' && warmup >= 1 && warmup >= steps)
    presets.set('training.warmup', { value: Math.max(0, Math.floor(steps / 10)), by: 'preset' });
  presets.set('name', { value: runName(text(document, 'dataset', 'path'), dir), by: 'preset' });
  return presets;
}

/** A mark in the presets, which is no key of run.yaml: the length is not given and follows the number of images. */
const FOLLOWS_IMAGES = 'training.steps:images';

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

/** A name for the run: that of the data set's folder, without characters that a run's name cannot have. */
export function runName(path: string | undefined, dir = '.'): string {
  const folder = basename(resolve(dir, path ?? '.')).normalize('NFKD');
  const name = folder
    .replaceAll(/[^A-Za-z0-9._-]+/gu, '-')
    .replace(/^[^A-Za-z0-9]+/u, '')
    .replace(/[-.]+$/u, '')
    .slice(0, 100);
  return name === '' ? 'lora' : name;
}

/** Checks what the spec says of the model against the registry entry or the model's file. */
function modelProblems(document: Mapping, registry: Registry, facts: ModelFacts | undefined): KeyProblem[] {
  const base = text(document, 'model', 'base');
  if (base === undefined) return [];
  const entry = findBase(registry, base);
  const family = entry?.family ?? facts?.family;
  const sure = entry !== undefined || facts?.predictionFrom !== 'assumed';
  const prediction = sure ? (entry?.prediction ?? facts?.prediction) : undefined;
  const from = entry === undefined ? '(read from it)' : `(${entry.title})`;
  const problems: KeyProblem[] = [];
  const check = (name: string, is: unknown, words: (is: string) => string) => {
    const said = text(document, 'model', name);
    if (is !== undefined && said !== undefined && said !== is)
      problems.push({ path: ['model', name], message: `${words(String(is))}: remove the line` });
  };
  check('family', family, (is) => `this model is ${is} ${from}`);
  check('prediction', prediction, (is) => `this model predicts ${is} ${from}`);
  const vae = registry.assets.find(({ id }) => id === text(document, 'model', 'vae'));
  const meant = vae?.families ?? [];
  if (vae !== undefined && family !== undefined && meant.length > 0 && !meant.includes(family))
    problems.push({
      path: ['model', 'vae'],
      message: `${vae.title} is for ${meant.join(' and ')}, this model is ${family} ${from}: write null`,
    });
  return problems;
}

/**
 * Explains why keys are missing that a recipe should have filled: the base model is unknown, or its recipe lacks them.
 */
function noRecipe(
  document: Mapping,
  registry: Registry,
  { facts }: FillOptions,
  missing: readonly KeyProblem[],
): readonly KeyProblem[] {
  const base = text(document, 'model', 'base') ?? '';
  if (findBase(registry, base) === undefined && facts === undefined)
    return [{ path: ['model', 'base'], message: 'no such model here or in visiontrain models list' }];
  return missing.map(({ path, message }) => ({ path, message: `${message} (no recipe of ${base} decides it)` }));
}

function provenanceOf(
  document: Mapping,
  presets: ReadonlyMap<string, Preset>,
  claimed: ReadonlyMap<string, Chooser> | undefined,
): Provenance {
  const provenance: Record<string, Chooser> = {};
  for (const { key, node } of specKeys) {
    const value = valueAt(document, key.split('.'));
    const preset = presets.get(key) ?? { value: node.default, by: 'preset' as const };
    if (value === undefined) provenance[key] = preset.by;
    else {
      const claim = claimed?.get(key);
      // A comment may be older than its value, so `preset` counts only when the preset still has that value.
      const holds = claim === 'detected' || (claim === 'preset' && isDeepStrictEqual(value, preset.value));
      provenance[key] = holds ? claim : 'you';
    }
  }
  provenance.version = 'preset';
  return provenance;
}

type Mapping = Readonly<Record<string, unknown>>;

export const isMapping = (value: unknown): value is Mapping =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Lays the given values over the presets. An empty section (`dataset:` alone) counts as one without keys. */
function merge(document: Mapping, presets: ReadonlyMap<string, Preset>): Record<string, unknown> {
  const merged: Record<string, unknown> = { ...document };
  for (const section of sections) {
    const given = document[section] ?? {};
    if (!isMapping(given)) continue;
    const values = [...presets].filter(([key]) => key.startsWith(`${section}.`) && findKey(key) !== undefined);
    const filled = Object.fromEntries(values.map(([key, { value }]) => [key.slice(section.length + 1), value]));
    merged[section] = { ...filled, ...given };
  }
  merged.name = document.name ?? presets.get('name')?.value;
  return merged;
}

function valueAt(document: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (at, name) => (isMapping(at) && Object.hasOwn(at, name) ? at[name] : undefined),
    document,
  );
}

/** Whether the document has a value at the path, which may lead into a list. */
function has(document: Mapping, path: readonly string[]): boolean {
  return valueAt(document, path.slice(0, 2)) !== undefined;
}

function text(document: Mapping, section: string, field: string): string | undefined {
  const value = valueAt(document, [section, field]);
  return typeof value === 'string' ? value : undefined;
}

function unique(problems: readonly KeyProblem[]): KeyProblem[] {
  const seen = new Set<string>();
  return problems.filter(({ path, message }) => {
    const id = `${path.join('\u0000')}\u0000${message}`;
    return !seen.has(id) && seen.add(id);
  });
}
