/**
 * Completes a partial run.yaml. A given value counts first, then the recipe of the base model, then the schema's
 * default.
 */
import { isDeepStrictEqual } from 'node:util';
import { ConfigError } from '../../base/errors.ts';
import type { Registry } from '../../registry/catalogue/schema.ts';
import { findKey, sections, specKeys } from '../../spec/keys.ts';
import { describeIssue, type KeyProblem } from '../../spec/problems.ts';
import { findings } from '../../spec/rules.ts';
import { type Chooser, type Provenance, type RunSpec, SPEC_VERSION, specSchema } from '../../spec/schema.ts';
import { FOLLOWS_IMAGES, type PresetOptions, presetsFor } from './document-presets.ts';
import { knownRun } from './known-run.ts';
import { has, isMapping, type Mapping, valueAt } from './mapping.ts';
import { modelProblems, noRecipe } from './model-problems.ts';
import type { Preset } from './presets.ts';

export interface FillOptions extends PresetOptions {
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
  /** Whether nobody gave sample prompts, so that captions may. */
  readonly openPrompts?: boolean;
}

export type Filled = (FilledSpec & { readonly problems?: undefined }) | { readonly problems: readonly KeyProblem[] };

/**
 * Completes a spec.
 * @throws {ConfigError} with every problem, without line numbers, because nothing was read from a file
 */
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
    const run = knownRun(document, presets, options.countUses);
    const described = parsed.error.issues.flatMap((issue) => describeIssue(issue, document, run));
    const isGiven = ({ path }: KeyProblem) => has(document, path) || required.has(path.join('.'));
    const given = described.filter(isGiven);
    const missing = described.filter((problem) => !isGiven(problem));
    const open = problems.length + given.length === 0 ? noRecipe(document, registry, options.facts, missing) : [];
    return { problems: unique([...problems, ...given, ...open]) };
  }
  for (const { key, message } of findings(parsed.data, 'error')) problems.push({ path: key.split('.'), message });
  if (problems.length > 0) return { problems: unique(problems) };
  const counted = (images: number) => {
    const again = tryFill(document, registry, { ...options, images });
    // A document that is valid with the recipe's length is valid with another length within its bounds. If it is not,
    // the recipe's length stays.
    return again.problems === undefined ? again : filled;
  };
  const filled: FilledSpec = {
    spec: parsed.data,
    provenance: provenanceOf(document, presets, options.claimed),
    openPrompts: valueAt(document, ['samples', 'prompts']) === undefined,
  };
  return options.images === undefined && presets.has(FOLLOWS_IMAGES) ? { ...filled, forImages: counted } : filled;
}

const required = new Set(['version', 'dataset', 'dataset.path', 'model', 'model.base']);

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
      // A comment may be older than its value, so `preset` counts only when the recipe still has that value. A preset
      // of the person's own may have been changed or removed, so for it the comment alone counts.
      const holds =
        claim === 'detected' ||
        claim?.startsWith('preset:') === true ||
        (claim === 'preset' && isDeepStrictEqual(value, preset.value));
      provenance[key] = holds ? claim : 'you';
    }
  }
  provenance.version = 'preset';
  return provenance;
}

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

function unique(problems: readonly KeyProblem[]): KeyProblem[] {
  const seen = new Set<string>();
  return problems.filter(({ path, message }) => {
    const id = `${path.join('\u0000')}\u0000${message}`;
    return !seen.has(id) && seen.add(id);
  });
}
