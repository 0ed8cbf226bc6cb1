/** The settings for checking a data set: those of a run.yaml, or those of a base model's recipe. */
import { UsageError } from '../../../base/errors.ts';
import { shellWord, typedPath } from '../../../base/typed-path.ts';
import { fillSpec } from '../../../engine/prepare/fill.ts';
import { loadSpec } from '../../../engine/prepare/load.ts';
import { neutralEntry } from '../../../registry/catalogue/find.ts';
import { findModel, loadRegistry } from '../../../registry/catalogue/load.ts';
import { type Goal, goals, type RunSpec } from '../../../spec/schema.ts';
import type { Context } from '../../shell/context.ts';
import { type Options, text } from '../shared/options.ts';

interface CheckSettings {
  readonly spec: RunSpec;
  /** Folder that relative paths in it start from. */
  readonly dir: string;
}

/**
 * Reads the settings.
 * @throws ConfigError for a run.yaml with mistakes, UsageError for an unknown base model
 */
export function checkSettings(folder: string, options: Options, { places }: Context): CheckSettings {
  const registry = loadRegistry({ configDir: places.config });
  const from = text(options.from);
  if (from !== undefined) return loadSpec(typedPath(from, '.'), { registry });
  const wanted = text(options.for);
  const base = wanted === undefined ? neutralEntry(registry, 'sdxl', 'epsilon')?.id : findModel(registry, wanted).id;
  const goal = goalOf(text(options.goal));
  const trigger = text(options.trigger) ?? '';
  const filled = fillSpec({ name: 'check', dataset: { path: folder, goal, trigger }, model: { base } }, registry);
  return { spec: filled.spec, dir: process.cwd() };
}

export function goalOf(value: string | undefined): Goal {
  const goal = goals.find((one) => one === (value ?? 'concept'));
  if (goal === undefined)
    throw new UsageError(`--goal ${shellWord(value ?? '')} must be ${goals.join(', ')}.`, {
      id: 'command/wrong-value',
    });
  return goal;
}
