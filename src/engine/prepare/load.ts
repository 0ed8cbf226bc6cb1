/** Turns run.yaml into a complete, checked spec. All problems of the file are found at once. */
import { existsSync } from 'node:fs';
import { dirname, isAbsolute, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { ConfigError, inOneLine, type Problem, VisiontrainError } from '../../base/errors.ts';
import { nearest } from '../../base/nearest.ts';
import { plural, shorten } from '../../base/text.ts';
import { shellWord, typedPath } from '../../base/typed-path.ts';
import { findAsset, findBase } from '../../registry/catalogue/find.ts';
import type { Registry } from '../../registry/catalogue/schema.ts';
import { missingModel } from '../../registry/checkpoints/folder.ts';
import { type ModelFacts, readModelFacts } from '../../registry/checkpoints/identify.ts';
import { chosenBy } from '../../spec/chosen.ts';
import { migrate } from '../../spec/migrations.ts';
import { applyOverrides, type Overridden } from '../../spec/overrides.ts';
import type { OwnPreset } from '../../spec/own-preset.ts';
import type { KeyProblem } from '../../spec/problems.ts';
import { readTextFile } from '../../spec/read-text.ts';
import type { Chooser } from '../../spec/schema.ts';
import { parseYaml, pathKey, type YamlTree } from '../../spec/yaml-tree.ts';
import { countUses } from '../dataset/count.ts';
import { type FilledSpec, tryFill } from './fill.ts';
import { type LaidPreset, layPreset } from './lay-preset.ts';
import { isMapping, valueAt } from './mapping.ts';
import { withPromptFile } from './prompt-file.ts';
import { withTypedPaths } from './typed-paths.ts';

export interface LoadOptions {
  /** Texts `a.b=value`, as typed after `--set`; the value is YAML. */
  readonly overrides?: readonly string[];
  readonly registry: Registry;
  /** A preset of the person's own, which lies above the recipe and below what the file and the flags choose. */
  readonly preset?: OwnPreset | undefined;
  /** Earlier content of the file, which is read in place of the present one. */
  readonly kept?: string | undefined;
  /** The person's own presets by name, to check whether a value is still that of the preset in its comment. */
  readonly own?: ((name: string) => OwnPreset | undefined) | undefined;
}

export interface LoadedSpec extends FilledSpec {
  /** Absolute path of the file. */
  readonly file: string;
  /** Folder of the file, which relative paths in the spec start from. */
  readonly dir: string;
  /** How the preset was applied; undefined without one. */
  readonly laid?: LaidPreset;
}

/**
 * Loads a run.yaml.
 * @throws {ConfigError} with all problems, each with its place
 */
export function loadSpec(file: string, { overrides = [], registry, preset, own, kept }: LoadOptions): LoadedSpec {
  const path = typedPath(file, '.');
  const dir = dirname(path);
  const read = kept === undefined ? readTextFile(path) : { text: kept };
  if ('problem' in read) throw unreadable(file, read);
  const tree = parseYaml(read.text);
  const failed = (problems: readonly Problem[]) => failure(file, problems);
  if (tree.problems.length > 0)
    throw failed(tree.problems.map(({ path: at, ...rest }) => ({ file, key: at.join('.'), ...placed(rest) })));

  const chosen = stillChosen(chosenBy(tree), tree.value, own);
  const laid = preset === undefined ? undefined : layPreset(tree.value, chosen, preset);
  const overridden = applyOverrides(laid === undefined ? tree.value : laid.document, overrides);
  const problems: Problem[] = [...overridden.problems];
  const locate = (found: KeyProblem) => located(file, tree, overridden, found);
  const { document } = overridden;
  if (!isMapping(document)) {
    const message = tree.value === undefined || tree.value === null ? 'is empty' : 'holds no settings (key: value)';
    throw failed([{ file, line: 1, column: 1, key: '', message: `${message}: write one with visiontrain new` }]);
  }
  const migrated = migrate(document);
  if ('problem' in migrated) {
    problems.push(locate({ path: ['version'], message: migrated.problem }));
    // Keys of another version cannot be checked with this version's schema. Without a version number they can.
    if (typeof document.version === 'number') throw failed(problems);
  }
  const whole = 'document' in migrated ? migrated.document : { ...document, version: 1 };
  const prompted = withPromptFile(whole, dir);
  problems.push(...prompted.problems.map(locate));
  const { document: current, problems: noPaths } = withTypedPaths(prompted.document, { registry, dir });
  problems.push(...noPaths.map(locate));
  const base = ownModel(current, registry, dir);
  if (base.problem !== undefined && noPaths.length === 0) problems.push(locate(base.problem));
  const filled = tryFill(current, registry, {
    dir,
    facts: base.facts,
    claimed: claims(laid?.claimed ?? chosen, overridden),
    countUses: (folder) => countUses(typedPath(folder, dir)),
  });
  if (filled.problems !== undefined) {
    const known = new Set(problems.map(({ key }) => key));
    throw failed([...problems, ...filled.problems.map(locate).filter(({ key }) => !known.has(key))]);
  }
  if (problems.length > 0) throw failed(problems);
  return { ...filled, file: path, dir, ...(laid === undefined ? {} : { laid }) };
}

/** Reads the facts of a model on this disk. `model.base` must name such a model when it is no registry id. */
function ownModel(
  document: Readonly<Record<string, unknown>>,
  registry: Registry,
  dir: string,
): { readonly facts?: ModelFacts; readonly problem?: KeyProblem } {
  const base = isMapping(document.model) ? document.model.base : undefined;
  if (typeof base !== 'string' || base === '' || findBase(registry, base) !== undefined) return {};
  const at = ['model', 'base'];
  const other = findAsset(registry, base);
  if (other !== undefined)
    return { problem: { path: at, message: `${base} is not a base model (it is a ${other.kind})` } };
  const path = resolve(dir, base);
  if (!existsSync(path)) {
    const ids = registry.models.flatMap((m) => [m.id, ...m.aliases]);
    const near = nearest(base, ids);
    const looksLikePath = isAbsolute(base) || /[/\\]|\.[a-z]+$/iu.test(base);
    const message = looksLikePath ? missingModel(base, path) : 'no such model here or in visiontrain models list';
    return { problem: { path: at, message: near === undefined ? message : `${message}; did you mean ${near}?` } };
  }
  try {
    const vae = isMapping(document.model) ? document.model.vae : undefined;
    const scaled = isMapping(document.model) && isMapping(document.model.vae_scaling);
    return { facts: readModelFacts(path, { ownVae: typeof vae === 'string' && vae !== '', scaled }) };
  } catch (error) {
    if (!(error instanceof VisiontrainError)) throw error;
    return { problem: { path: at, message: inOneLine(error) } };
  }
}

/** The choosers without presets whose value was changed since: a changed value is the person's. */
function stillChosen(
  chosen: ReadonlyMap<string, Chooser>,
  document: unknown,
  own: LoadOptions['own'],
): ReadonlyMap<string, Chooser> {
  if (own === undefined || !isMapping(document)) return chosen;
  const isStill = ([key, who]: readonly [string, Chooser]): boolean => {
    const preset = who.startsWith('preset:') ? own(who.slice('preset:'.length)) : undefined;
    return preset === undefined || isDeepStrictEqual(preset.values.get(key), valueAt(document, key.split('.')));
  };
  return new Map([...chosen].filter(isStill));
}

/** Who chose each key, as the comment on its line says. Keys that a flag overrides are left out. */
function claims(chosen: ReadonlyMap<string, Chooser>, { sources }: Overridden): ReadonlyMap<string, Chooser> {
  return new Map([...chosen].filter(([key]) => !sources.has(key)));
}

/** Finds the line of a problem: that of its key, else of the nearest group around it that is in the file. */
function located(file: string, tree: YamlTree, overridden: Overridden, { path, message }: KeyProblem): Problem {
  const key = path.join('.');
  for (let depth = path.length; depth > 0; depth -= 1) {
    const part = path.slice(0, depth);
    const flag = overridden.sources.get(part.join('.'));
    if (flag !== undefined) return { file: flag, key, message };
    const node = tree.nodes.get(pathKey(part));
    if (node === undefined) continue;
    // A problem with a name is shown at the name, one with a value at the value.
    const place = depth < path.length || message.startsWith('no such setting') ? node.key : node.value;
    const commented = message.startsWith('is empty') && node.comment !== '';
    const hint = commented ? ' (what stands behind a # is a comment: put text that holds one in quotes)' : '';
    return { file, ...placed(place), key, message: message + hint };
  }
  return { file, line: 1, column: 1, key, message };
}

const placed = <T extends { readonly line: number; readonly column: number }>({ line, column, ...rest }: T) => ({
  line,
  column,
  ...rest,
});

function failure(file: string, problems: readonly Problem[]): ConfigError {
  const sorted = [...problems].sort((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0));
  const more = sorted.length - MOST_SHOWN;
  const shown = sorted.slice(0, MOST_SHOWN).map((problem) => ({ ...problem, key: shorten(problem.key, LONGEST_KEY) }));
  return new ConfigError(`${file} has ${plural(problems.length, 'problem')}; nothing was started.`, shown, {
    id: 'spec/wrong',
    details: more > 0 ? [`and ${more} more`] : [],
  });
}

/** Most problems of one file that are shown; the others are counted. */
const MOST_SHOWN = 50;

/** Longest name that is shown whole; every known key is far shorter. */
const LONGEST_KEY = 100;

function unreadable(
  file: string,
  { problem, line }: { readonly problem: string; readonly line?: number },
): ConfigError {
  const place = line === undefined ? {} : { line, column: 1 };
  const steps: Readonly<Record<string, string>> = {
    'does not exist': 'Make one with:  visiontrain new',
    'is a folder, not a file': `If it is your folder of pictures:  visiontrain new ${shellWord(file)}`,
  };
  const step = steps[problem];
  return new ConfigError(
    `${file} cannot be used; nothing was started.`,
    [{ file, ...place, key: '', message: problem }],
    { id: 'spec/unreadable', nextSteps: step === undefined ? [] : [step] },
  );
}
