/** Finds entries of the catalogue. */

import type { Family, Prediction } from '../../spec/schema.ts';
import type { AnyEntry, AssetEntry, MemoryClass, ModelEntry, Registry } from './schema.ts';

/** The entry with that id, else the one with that alias: an alias of one entry never hides the id of another. */
export function lookUp<T extends AnyEntry>(entries: readonly T[], id: string): T | undefined {
  return entries.find((entry) => entry.id === id) ?? entries.find((entry) => entry.aliases.includes(id));
}

/** The base model of that id; only entries of kind `base` can be trained on. */
export const findBase = (registry: Registry, id: string): ModelEntry | undefined => lookUp(registry.models, id);

/** The companion, such as a VAE, of that id. */
export const findAsset = (registry: Registry, id: string): AssetEntry | undefined => lookUp(registry.assets, id);

/**
 * The plain base model of a family, which the registry lists first: its recipe and configuration files also serve
 * files of the person's own. `layout` restricts the search to entries of that layout.
 */
export function neutralEntry(
  registry: Registry,
  family: Family | undefined,
  prediction: Prediction,
  layout?: ModelEntry['layout'],
): ModelEntry | undefined {
  const same = registry.models.filter(
    (m) => m.embedded === undefined && m.family === family && (layout === undefined || m.layout === layout),
  );
  return same.find((m) => m.prediction === prediction) ?? same[0];
}

/**
 * The changes to a recipe for a card with `gigabytes` of memory; undefined when the card is smaller than every class.
 */
export function memoryClassFor(entry: ModelEntry, gigabytes: number): MemoryClass | undefined {
  // Cards report a little less than their name says (11.9 for 12 GB), so half a GB is forgiven.
  const fitting = entry.memory_classes.filter((c) => c.from_gb <= gigabytes + 0.5);
  return fitting.toSorted((a, b) => b.from_gb - a.from_gb)[0];
}
