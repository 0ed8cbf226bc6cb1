/**
 * Decides which source an image belongs to, which settings it has there, and how often it is used; also lists the
 * images that the base model draws. Pure.
 */

import { resolve } from 'node:path';
import { sha256OfText } from '../../base/files/hash.ts';
import type { RunSpec } from '../../spec/schema.ts';
import type { SourceSpec } from '../../spec/sections/sources.ts';
import type { HashedImage } from '../dataset/hash.ts';
import { tagsOf } from './captions.ts';
import { canonicalJson, sampleIds } from './identity.ts';
import type { PlanImage } from './schema.ts';

/** The spec with absolute paths of its sources, which the functions below expect. */
export function withAbsoluteSources(spec: RunSpec, dir: string): RunSpec {
  const { sources } = spec.dataset;
  if (sources.length === 0) return spec;
  const absolute = sources.map((source) => ({ ...source, path: resolve(dir, source.path) }));
  return { ...spec, dataset: { ...spec.dataset, sources: absolute } };
}

/**
 * Returns the function that finds the source of an image: the innermost source whose folder holds it; undefined for an
 * image in none.
 * @param root folder that relative paths of images start from
 */
export function sourceFinder(spec: RunSpec, root: string): (path: string) => SourceSpec | undefined {
  const inner = spec.dataset.sources.toSorted((a, b) => b.path.length - a.path.length);
  if (inner.length === 0) return () => undefined;
  return (path) => {
    const full = resolve(root, path);
    return inner.find((source) => full.startsWith(`${source.path}/`));
  };
}

/** The settings of the data set, with those of a source in their place. */
export function settingsOf(d: RunSpec['dataset'], source: SourceSpec | undefined) {
  return {
    trigger: source?.trigger ?? d.trigger,
    prefix: source?.caption_prefix ?? d.caption_prefix,
    suffix: source?.caption_suffix ?? d.caption_suffix,
    fallback: source?.default_caption ?? d.default_caption,
  };
}

/** The settings that affect each use of an image: those of the data set, with those of a source in their place. */
export function settingsOfUses(d: RunSpec['dataset'], source: SourceSpec | undefined) {
  const settings = {
    crop: source?.crop ?? d.crop,
    flip: source?.flip ?? d.flip,
    augment: source?.augment === false ? null : (source?.augment ?? d.augment),
    shuffle_tags: source?.shuffle_tags ?? d.shuffle_tags,
    keep_tags: source?.keep_tags ?? d.keep_tags,
    caption_dropout: source?.caption_dropout ?? d.caption_dropout,
    tag_dropout: source?.tag_dropout ?? d.tag_dropout,
  };
  return { ...settings, keep_tags: keptTags(settings, [settingsOf(d, source).trigger]) };
}

/** Whether the tags of a caption are shuffled or dropped. */
export const tagsMove = (d: Pick<RunSpec['dataset'], 'shuffle_tags' | 'tag_dropout'>) =>
  d.shuffle_tags || d.tag_dropout > 0;

/** Number of leading tags that stay in place: the trigger stays whole, however many tags it has. */
export function keptTags(
  d: Pick<RunSpec['dataset'], 'shuffle_tags' | 'tag_dropout' | 'keep_tags'>,
  triggers: readonly string[],
): number {
  return tagsMove(d) ? Math.max(d.keep_tags, ...triggers.map((trigger) => tagsOf(trigger).length)) : d.keep_tags;
}

/** All triggers of a run, including those of its sources. */
export const triggersOf = (d: RunSpec['dataset']): readonly string[] =>
  [d, ...d.sources].map(({ trigger }) => trigger ?? '');

/** Keys of a source that change what `settingsOfUses` gives, beside its trigger. */
const USE_KEYS = ['crop', 'flip', 'augment', 'shuffle_tags', 'keep_tags', 'caption_dropout', 'tag_dropout'] as const;

/** The settings that apply to one image only; null where it has those of the plan. */
export function ownSettings(d: RunSpec['dataset'], source: SourceSpec | undefined): PlanImage['own'] {
  return source === undefined || USE_KEYS.every((key) => source[key] === null) ? null : settingsOfUses(d, source);
}

/**
 * How often each image is used in an epoch. Sources with a weight share the uses by it: in the source with the most
 * images for its weight each image is used once, and in the others as often as their weights ask for. Where that is no
 * whole number for each image, the images with one more use are drawn by seed and content.
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

/**
 * The images of `dataset.regularisation.prompts`. Prompts are used in turn. Sizes are those of the trained images, in
 * the same proportions.
 */
export function generatedImages(spec: RunSpec, own: readonly PlanImage[]): readonly PlanImage[] {
  const { regularisation: r } = spec.dataset;
  const buckets = own.filter(({ validation }) => !validation).map(({ bucket }) => bucket);
  if (r === null || r.prompts.length === 0 || buckets.length === 0) return [];
  const sorted = buckets.toSorted((a, b) => a[0] - b[0] || a[1] - b[1]);
  const drawn = Array.from({ length: r.count }, (_, i) => {
    const prompt = r.prompts[i % r.prompts.length] ?? '';
    const bucket = sorted[Math.floor(((i + 0.5) * sorted.length) / r.count)] ?? sorted[0] ?? [64, 64];
    const seed = Number.parseInt(sha256OfText(`generated ${spec.training.seed} ${i}`).slice(0, 8), 16);
    const { sampler, spacing, steps, guidance, negative } = spec.samples;
    const of = { model: spec.model, prompt, bucket, seed, sampler, spacing, steps, guidance, negative };
    return { prompt, bucket, seed, sha256: sha256OfText(canonicalJson(of)) };
  });
  const ids = sampleIds(drawn.map(({ sha256 }) => sha256));
  return drawn.map(
    ({ prompt, bucket, seed, sha256 }, i): PlanImage => ({
      id: ids[i] ?? sha256,
      path: `generated/${i + 1}.png`,
      sha256,
      size: [...bucket],
      bucket: [...bucket],
      repeats: 1,
      caption: prompt,
      validation: false,
      regularisation: true,
      generated: { prompt, seed },
      loss_weight: r.weight,
      mask: null,
      own: null,
    }),
  );
}
