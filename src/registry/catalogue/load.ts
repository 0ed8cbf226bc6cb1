/** Reads `presets/models.yaml` and the person's own `models/*.yaml`, and finds entries in them. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { CORE_SCHEMA, load as parseYaml, YAMLException } from 'js-yaml';
import type { z } from 'zod';
import { ConfigError, type Problem, UsageError } from '../../base/errors.ts';
import { readGiven } from '../../base/files/regular-file.ts';
import { issueWords } from '../../base/issue-words.ts';
import { nearest } from '../../base/nearest.ts';
import { packageRoot } from '../../base/package-root.ts';
import { displayPath } from '../../base/paths.ts';
import { type Goal, goals } from '../../spec/schema.ts';
import { findAsset, findBase, lookUp } from './find.ts';
import { recipeProblems } from './recipes.ts';
import {
  type AnyEntry,
  type AssetEntry,
  type ModelEntry,
  REGISTRY_VERSION,
  type Recipe,
  type RecipeSet,
  type Registry,
  type RegistryFile,
  registryFileSchema,
} from './schema.ts';

export interface LoadRegistryInput {
  /** The folder `Places.config`, which holds the person's entries in `models/*.yaml`. */
  readonly configDir: string;
}

/**
 * The built-in registry with the person's entries behind it. The person's files may use the built-in recipe and
 * companion sets, and replace a built-in entry by giving the same id.
 * @throws ConfigError naming file and key of every problem
 */
export function loadRegistry({ configDir }: LoadRegistryInput): Registry {
  const builtIn = readRegistryFile(join(packageRoot(), 'presets', 'models.yaml'));
  const sets = { recipe_sets: builtIn.recipe_sets, companion_sets: builtIn.companion_sets };
  const models = new Map<string, ModelEntry>();
  const assets = new Map<string, AssetEntry>();
  const add = (file: RegistryFile, path: string | undefined) => {
    const own = path === undefined ? {} : { added_in: path };
    for (const entry of file.models) {
      models.set(entry.id, { ...completeEntry(entry, mergeSets(sets, file), path ?? 'presets/models.yaml'), ...own });
    }
    for (const entry of file.assets) assets.set(entry.id, { ...entry, ...own });
  };
  add(builtIn, undefined);
  for (const path of ownFiles(configDir)) add(readRegistryFile(path), path);
  return { version: REGISTRY_VERSION, models: [...models.values()], assets: [...assets.values()] };
}

/** Folder of the person's own entries. */
export function ownModelsDir(configDir: string): string {
  return join(configDir, 'models');
}

function ownFiles(configDir: string): string[] {
  const folder = ownModelsDir(configDir);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => /\.ya?ml$/.test(name) && !name.startsWith('.'))
    .sort()
    .map((name) => join(folder, name));
}

/** Most bytes of a list of models; the built-in list has a tenth of that. */
const MOST = 4 << 20;

const MEND = ['Mend the file, or remove it.  visiontrain models list   then shows what there is'];

/**
 * Reads, parses and validates one registry file.
 * @throws ConfigError that names `path`
 */
export function readRegistryFile(path: string): RegistryFile {
  let parsed: unknown;
  try {
    parsed = parseYaml(readGiven(path, MOST).toString('utf8'), { schema: CORE_SCHEMA, filename: path });
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    const at = error.mark === undefined ? {} : { line: error.mark.line + 1, column: error.mark.column + 1 };
    throw new ConfigError('The model list cannot be read.', [{ file: path, ...at, key: '', message: error.reason }], {
      id: 'model/list',
    });
  }
  return checkRegistryDocument(parsed, path);
}

/**
 * Validates the content of a registry file.
 * @throws ConfigError that names `path`
 */
export function checkRegistryDocument(document: unknown, path: string): RegistryFile {
  const result = registryFileSchema.safeParse(document);
  if (!result.success)
    throw new ConfigError(
      'The model list has mistakes.',
      result.error.issues.map((i) => problem(path, i)),
      { id: 'model/list', nextSteps: MEND },
    );
  return result.data;
}

function problem(file: string, issue: z.core.$ZodIssue): Problem {
  const key = issue.path.map(String).join('.');
  return {
    file: displayPath(file, process.cwd()),
    key,
    message: issueWords(issue),
  };
}

type FileEntry = RegistryFile['models'][number];
type Sets = Pick<RegistryFile, 'recipe_sets' | 'companion_sets'>;

function mergeSets(a: Sets, b: Sets): Sets {
  return {
    recipe_sets: { ...a.recipe_sets, ...b.recipe_sets },
    companion_sets: { ...a.companion_sets, ...b.companion_sets },
  };
}

/**
 * Joins an entry with its recipe and companion sets. Facts of the entry, such as its prediction, become values of the
 * recipe.
 */
function completeEntry(entry: FileEntry, sets: Sets, file: string): ModelEntry {
  const fail = (key: string, message: string): never => {
    throw new ConfigError(
      `The model list has a mistake in ${entry.id}.`,
      [{ file, key: `${entry.id}.${key}`, message }],
      { id: 'model/list', nextSteps: MEND },
    );
  };
  const { recipe_set, recipe, companions, ...rest } = entry;
  const set = recipeSet(sets, recipe_set, fail);
  const shared =
    companions === undefined
      ? []
      : (sets.companion_sets[companions] ?? fail('companions', `there is no companion set ${companions}`));
  const recipes: Partial<Record<Goal, Recipe>> = {};
  for (const goal of goals) {
    recipes[goal] = {
      'model.family': entry.family,
      'model.prediction': entry.prediction,
      'model.zero_terminal_snr': entry.zero_terminal_snr,
      'model.clip_skip': entry.clip_skip,
      'samples.prompts': entry.sample_prompts[goal] ?? [],
      ...set.common,
      ...set.goals[goal],
      ...recipe,
    };
    const problems = recipeProblems(recipes[goal], { complete: true });
    if (problems.length > 0) fail(`recipes.${goal}`, problems.join('; '));
  }
  for (const memory of set.memory_classes) {
    const problems = recipeProblems(memory.values, { complete: false });
    if (problems.length > 0) fail(`memory_classes.${memory.title}`, problems.join('; '));
  }
  return {
    ...rest,
    files: [...entry.files, ...shared],
    recipes,
    memory_classes: set.memory_classes,
    ...(set.length === undefined ? {} : { length: set.length }),
    recipe_set,
    recipe_source: set.source,
  };
}

/** A recipe set merged with the set that it extends. */
function recipeSet(
  sets: Sets,
  name: string,
  fail: (key: string, message: string) => never,
  seen: string[] = [],
): RecipeSet {
  const set = sets.recipe_sets[name] ?? fail('recipe_set', `there is no recipe set ${name}`);
  if (seen.includes(name)) fail('recipe_set', `${[...seen, name].join(' extends ')}`);
  if (set.extends === undefined) return set;
  const parent = recipeSet(sets, set.extends, fail, [...seen, name]);
  const length = set.length ?? parent.length;
  return {
    ...set,
    ...(length === undefined ? {} : { length }),
    common: { ...parent.common, ...set.common },
    memory_classes: set.memory_classes.length > 0 ? set.memory_classes : parent.memory_classes,
  };
}

/**
 * The base model with this id.
 * @throws UsageError that suggests the nearest id
 */
export function findModel(registry: Registry, id: string): ModelEntry {
  const entry = findBase(registry, id);
  if (entry !== undefined) return entry;
  const asset = findAsset(registry, id);
  if (asset !== undefined)
    throw new UsageError(`${id} is a ${asset.kind}, not a base model.`, {
      id: 'model/not-a-base',
      nextSteps: ['See the base models: visiontrain models list'],
    });
  throw unknownId(id, registry.models);
}

/**
 * The entry of any kind with this id.
 * @throws UsageError that suggests the nearest id
 */
export function findEntry(registry: Registry, id: string): AnyEntry {
  const all: readonly AnyEntry[] = [...registry.models, ...registry.assets];
  const entry = lookUp(all, id);
  if (entry === undefined) throw unknownId(id, all);
  return entry;
}

function unknownId(id: string, entries: readonly AnyEntry[]): UsageError {
  const near = nearest(
    id,
    entries.flatMap((e) => [e.id, ...e.aliases]),
  );
  return new UsageError(`There is no model ${JSON.stringify(id)} in the registry.`, {
    id: 'model/none',
    nextSteps: [
      ...(near === undefined ? [] : [`Did you mean ${near}?`]),
      'See them all: visiontrain models list',
      'Add your own: visiontrain models add FILE_OR_URL',
    ],
  });
}
