/** Finds entries of the catalogue. */

import type { Family, Prediction } from '../../spec/schema.ts';
import type { ModelEntry, Registry } from './schema.ts';

/** The base model of that id; only entries of kind `base` can be trained on. */
export const findBase = (registry: Registry, id: string): ModelEntry | undefined =>
  registry.models.find((model) => model.id === id || model.aliases.includes(id));

/** The plain base of a family. Its recipe and configuration files also serve for models of the person's own. */
export function neutralEntry(
  registry: Registry,
  family: Family | undefined,
  prediction: Prediction,
): ModelEntry | undefined {
  const same = registry.models.filter((m) => m.embedded === undefined && m.family === family);
  return same.find((m) => m.prediction === prediction) ?? same[0];
}
