/**
 * Turns an existing run.yaml into answers. Values that the person chose stay, including those from a preset of their
 * own; all other values follow today's presets.
 */
import { dirname, resolve } from 'node:path';
import { typedPath } from '../../base/typed-path.ts';
import { loadSpec } from '../../engine/prepare/load.ts';
import type { WizardFacts } from '../questions/facts.ts';
import type { Answers } from '../questions/question.ts';
import { at, SETTING } from '../questions/values.ts';

/** Keys that have a question of their own. */
const questions = new Set(['name', 'dataset.path', 'dataset.goal', 'dataset.trigger', 'model.base']);

/**
 * The answers for a run.yaml.
 * @throws ConfigError when the file has problems
 */
export function fromSpecFile(file: string, { registry }: Pick<WizardFacts, 'registry'>, cwd: string): Answers {
  const path = typedPath(file, cwd);
  const { spec, provenance } = loadSpec(path, { registry });
  const known = registry.models.some(({ id }) => id === spec.model.base);
  const listed: Answers = {
    'dataset.path': you(resolve(dirname(path), spec.dataset.path)),
    'dataset.goal': you(spec.dataset.goal),
    'dataset.trigger': you(spec.dataset.trigger === '' ? '-' : spec.dataset.trigger),
    'model.base': you(known ? 'more' : 'file'),
    ...(known
      ? { 'model.more': you(spec.model.base) }
      : { 'model.file': you(resolve(dirname(path), spec.model.base)) }),
    name: you(spec.name),
  };
  const chosen = Object.entries(provenance).filter(
    ([key, by]) => (by === 'you' || by.startsWith('preset:')) && !questions.has(key),
  );
  const settings = chosen.map(([key]) => [SETTING + key, you(JSON.stringify(at(spec, key)))] as const);
  return { ...listed, ...Object.fromEntries(settings) };
}

const you = (value: string) => ({ value, by: 'you' as const });
