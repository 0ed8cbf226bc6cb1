/** Finds problems in the section `model` of a partial run.yaml that the schema cannot see. */
import { findBase } from '../../registry/catalogue/find.ts';
import type { Registry } from '../../registry/catalogue/schema.ts';
import type { ModelFacts } from '../../registry/checkpoints/identify.ts';
import type { KeyProblem } from '../../spec/problems.ts';
import { type Mapping, textAt } from './mapping.ts';

/** Checks the section against the registry entry or the model's file. */
export function modelProblems(document: Mapping, registry: Registry, facts: ModelFacts | undefined): KeyProblem[] {
  const base = textAt(document, 'model', 'base');
  if (base === undefined) return [];
  const entry = findBase(registry, base);
  const family = entry?.family ?? facts?.family;
  const sure = entry !== undefined || facts?.predictionFrom !== 'assumed';
  const prediction = sure ? (entry?.prediction ?? facts?.prediction) : undefined;
  const from = entry === undefined ? '(read from it)' : `(${entry.title})`;
  const problems: KeyProblem[] = [];
  const check = (name: string, is: unknown, words: (is: string) => string) => {
    const given = textAt(document, 'model', name);
    if (is !== undefined && given !== undefined && given !== is)
      problems.push({ path: ['model', name], message: `${words(String(is))}: remove the line` });
  };
  check('family', family, (is) => `this model is ${is} ${from}`);
  check('prediction', prediction, (is) => `this model predicts ${is} ${from}`);
  const vae = registry.assets.find(({ id }) => id === textAt(document, 'model', 'vae'));
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
export function noRecipe(
  document: Mapping,
  registry: Registry,
  facts: ModelFacts | undefined,
  missing: readonly KeyProblem[],
): readonly KeyProblem[] {
  const base = textAt(document, 'model', 'base') ?? '';
  if (findBase(registry, base) === undefined && facts === undefined)
    return [{ path: ['model', 'base'], message: 'no such model here or in visiontrain models list' }];
  return missing.map(({ path, message }) => ({ path, message: `${message} (no recipe of ${base} decides it)` }));
}
