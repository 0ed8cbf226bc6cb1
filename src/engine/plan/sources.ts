/** Which source an image belongs to, what holds for it there, and how often it is used. Pure. */

import { resolve } from 'node:path';
import { sha256OfText } from '../../base/files/hash.ts';
import type { RunSpec } from '../../spec/schema.ts';
import type { SourceSpec } from '../../spec/sections/sources.ts';
import type { HashedImage } from '../dataset/hash.ts';
import { sampleIds } from './identity.ts';

/** The spec with absolute paths of its sources, as everything below wants them. */
export function withAbsoluteSources(spec: RunSpec, dir: string): RunSpec {
  const { sources } = spec.dataset;
  if (sources.length === 0) return spec;
  const absolute = sources.map((source) => ({ ...source, path: resolve(dir, source.path) }));
  return { ...spec, dataset: { ...spec.dataset, sources: absolute } };
}

/**
 * Returns the function that finds the source of an image: the innermost whose folder holds it; undefined for an image
 * in none.
 * @param root what relative paths of images start from
 */
export function sourceFinder(spec: RunSpec, root: string): (path: string) => SourceSpec | undefined {
  const inner = spec.dataset.sources.toSorted((a, b) => b.path.length - a.path.length);
  if (inner.length === 0) return () => undefined;
  return (path) => {
    const full = resolve(root, path);
    return inner.find((source) => full.startsWith(`${source.path}/`));
  };
}

/** The settings of the data set with those of a source in their place. */
export function settingsOf(d: RunSpec['dataset'], source: SourceSpec | undefined) {
  return {
    trigger: source?.trigger ?? d.trigger,
    prefix: source?.caption_prefix ?? d.caption_prefix,
    suffix: source?.caption_suffix ?? d.caption_suffix,
    fallback: source?.default_caption ?? d.default_caption,
  };
}

/**
 * How often each image is used in an epoch. Sources with a weight share the uses by it: of the one with the most images
 * for its weight each is used once, and of the others as often as their weights ask for. Where that is no whole number
 * for each image, those that are used once more are drawn by seed and content.
 */
export function usesOf(images: readonly HashedImage[], spec: RunSpec, root: string): readonly number[] {
  const { dataset: d, training } = spec;
  const find = sourceFinder(spec, root);
  const sources = images.map(({ path }) => find(path));
  const wanted = weightedUses(sources);
  const ids = wanted.size === 0 ? [] : sampleIds(images.map((image) => image.sha256));
  const uses = images.map(({ repeats }, i) => repeats * (sources[i]?.repeats ?? d.repeats));
  for (const [source, total] of wanted) {
    const inside = sources.flatMap((one, i) => (one === source ? [i] : []));
    const draw = new Map(inside.map((i) => [i, sha256OfText(`source ${training.seed} ${ids[i]}`)]));
    const order = inside.toSorted((a, b) => ((draw.get(a) ?? '') < (draw.get(b) ?? '') ? -1 : 1));
    for (const [place, i] of order.entries())
      uses[i] = Math.floor(total / order.length) + (place < total % order.length ? 1 : 0);
  }
  return uses;
}

/** Uses in an epoch of all images of each source with a weight. */
function weightedUses(sources: readonly (SourceSpec | undefined)[]): ReadonlyMap<SourceSpec, number> {
  const counts = new Map<SourceSpec, number>();
  for (const source of sources)
    if (source !== undefined && source.weight !== null) counts.set(source, (counts.get(source) ?? 0) + 1);
  const perWeight = [...counts].reduce((most, [{ weight }, n]) => Math.max(most, n / (weight ?? 1)), 0);
  return new Map([...counts].map(([source, n]) => [source, Math.max(n, Math.round((source.weight ?? 1) * perWeight))]));
}
