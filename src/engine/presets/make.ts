/** Makes a preset of a run.yaml, and finds the sources for presets. */
import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { UsageError } from '../../base/errors.ts';
import { typedPath } from '../../base/typed-path.ts';
import type { Registry } from '../../registry/catalogue/schema.ts';
import { specKeys } from '../../spec/keys.ts';
import { holdsTrigger, type OwnPreset, whyNotInPreset } from '../../spec/own-preset.ts';
import type { Provenance, RunSpec } from '../../spec/schema.ts';
import { importSettings } from '../import/import.ts';
import { isTrainerFile } from '../import/read.ts';
import { loadSpec } from '../prepare/load.ts';
import { valueAt } from '../prepare/mapping.ts';
import { RUN_FILES } from '../run-folder/layout.ts';
import { findRun } from '../runs/find.ts';
import { presetNames } from './names.ts';
import { loadPreset } from './store.ts';

interface Filled {
  readonly spec: RunSpec;
  readonly provenance: Provenance;
}

/** A setting that was chosen but is left out of the preset. */
interface LeftOut {
  readonly key: string;
  readonly why: string;
}

export interface MadePreset {
  readonly preset: OwnPreset;
  readonly left: readonly LeftOut[];
}

/** Keys that are left out of every preset without a note. */
const PLAIN: ReadonlySet<string> = new Set(['version', 'name', 'dataset.path']);
/**
 * Makes a preset of what a person chose, or with `all` of what the recipe chose too, but never of what was read from
 * files or the machine.
 */
export function presetFrom(
  { name, about }: Pick<OwnPreset, 'name' | 'about'>,
  { spec, provenance }: Filled,
  all: boolean,
): MadePreset {
  const values = new Map<string, unknown>();
  const left: LeftOut[] = [];
  for (const { key, node } of specKeys) {
    const who = provenance[key] ?? 'preset';
    if (who === 'detected' || (who === 'preset' && !all)) continue;
    const value = valueAt(spec, key.split('.'));
    const why =
      whyNotInPreset(key, value) ??
      (holdsTrigger(key, value, spec.dataset.trigger) ? 'it holds the trigger' : undefined);
    if (why === undefined) values.set(key, value);
    else if (who !== 'preset' && !PLAIN.has(key) && !isDeepStrictEqual(value, node.default)) left.push({ key, why });
  }
  return { preset: { name, about, values }, left };
}

export interface SourceOptions {
  readonly registry: Registry;
  readonly configDir: string;
  readonly runs: string;
  /** The base model for settings of another trainer that name none. */
  readonly base?: string | undefined;
}

export type PresetSource =
  | { readonly kind: 'preset'; readonly preset: OwnPreset }
  | { readonly kind: 'settings'; readonly filled: Filled };

/**
 * The source that `word` names: a run.yaml, settings of another trainer, a preset, or a run; they are tried in that
 * order.
 * @throws UsageError when it is none of these
 */
export function sourceOf(word: string, { registry, configDir, runs, base }: SourceOptions): PresetSource {
  const path = typedPath(word, '.');
  if (existsSync(path) && statSync(path).isFile()) {
    // Images are no part of a preset, so any folder serves.
    const filled = isTrainerFile(path)
      ? importSettings(path, { registry, folder: dirname(path), base }).filled
      : loadSpec(path, { registry });
    return { kind: 'settings', filled };
  }
  if (presetNames(configDir).includes(word)) return { kind: 'preset', preset: loadPreset(configDir, word) };
  if (/[/\\]|\.(?:ya?ml|json|toml)$/iu.test(word) && !existsSync(path))
    throw new UsageError(`There is no file ${word}.`, {
      id: 'preset/source',
      nextSteps: ['Name a run.yaml, settings of another trainer, a preset, or a run.'],
    });
  return { kind: 'settings', filled: loadSpec(join(findRun(word, runs).dir, RUN_FILES.spec), { registry }) };
}
