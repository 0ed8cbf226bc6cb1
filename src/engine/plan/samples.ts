/** The images of a plan: identity, bucket, caption; and captions that become known only later. Pure. */
import { resolve } from 'node:path';
import { plural } from '../../base/text.ts';
import type { RunSpec } from '../../spec/schema.ts';
import type { CaptionOptions } from '../../spec/sections/caption-options.ts';
import type { SourceSpec } from '../../spec/sections/sources.ts';
import type { HashedImage, HashedScan } from '../dataset/hash.ts';
import type { MaskFile } from '../dataset/masks.ts';
import { placer } from '../dataset/sizes.ts';
import { composeParts, hasSeparator, linesOf, longestForms, ruledParts } from './caption-forms.ts';
import { captionRules } from './caption-rules.ts';
import { composeCaption, estimateTokens, triggerFirst } from './captions.ts';
import { metadataFacts, SHARED_SETTINGS } from './facts.ts';
import { sampleIds, validationIds } from './identity.ts';
import type { Plan, PlanImage } from './schema.ts';
import { generatedImages, ownSettings, settingsOf, settingsOfUses, sourceFinder, tagsMove, usesOf } from './sources.ts';

export interface ImagesInput {
  readonly spec: RunSpec;
  readonly scan: HashedScan;
  /** The images of the regularisation folder, where there is one. */
  readonly regularisation?: HashedScan;
  /** The images of `validation.path`, where there is one. */
  readonly validation?: HashedScan;
  /** Masks by the path of their image. */
  readonly masks?: ReadonlyMap<string, MaskFile>;
}

export function planSamples({
  spec,
  scan: { images, root },
  regularisation,
  validation: held,
  masks,
}: ImagesInput): readonly PlanImage[] {
  const { dataset: d, training } = spec;
  const others = regularisation?.images ?? [];
  const apart = validated(images, held?.images ?? [], training.seed).images;
  const ids = sampleIds([...images, ...others, ...apart].map(({ sha256 }) => sha256));
  const validation = validationIds(
    ids.slice(0, images.length),
    held === undefined ? d.validation_share : 0,
    training.seed,
  );
  const place = placers(d);
  const caption = captionComposer(spec, root);
  const sourceOf = sourceFinder(spec, root);
  const uses = usesOf(images, spec, root);
  const own = images.flatMap(({ path, sha256, size, caption: text }, i): PlanImage[] => {
    const isHeld = validation.has(ids[i] ?? sha256);
    const source = sourceOf(path);
    const [first, ...further] = place(source)(size);
    return [first, ...(isHeld ? [] : further)].map(({ suffix, bucket }) => ({
      id: `${ids[i] ?? sha256}${suffix}`,
      path,
      sha256,
      size: [...size] as [number, number],
      bucket,
      repeats: uses[i] ?? 1,
      caption: caption(text, path),
      validation: isHeld,
      regularisation: false,
      generated: null,
      loss_weight: source?.loss_weight ?? 1,
      mask: source?.masks === false ? null : (masks?.get(path) ?? null),
      own: ownSettings(d, source),
    }));
  });
  const of = others.map(({ path, sha256, size, caption: text }, i) => {
    const full = resolve(regularisation?.root ?? '', path);
    const source = sourceOf(full);
    return {
      ...withoutRole({ sha256, size }, full, ids[images.length + i]),
      bucket: place(source)(size)[0].bucket,
      caption: text ?? d.regularisation?.class_word ?? '',
      validation: false,
      regularisation: true,
      generated: null,
      loss_weight: source?.loss_weight ?? d.regularisation?.weight ?? 1,
      mask: null,
      own: ownSettings(d, source),
    };
  });
  const kept = apart.map(({ path, sha256, size, caption: text }, i) => {
    const full = resolve(held?.root ?? '', path);
    return {
      ...withoutRole({ sha256, size }, full, ids[images.length + others.length + i]),
      bucket: place(sourceOf(full))(size)[0].bucket,
      caption: caption(text, full),
      validation: true,
      regularisation: false,
      generated: null,
      loss_weight: 1,
      mask: null,
      own: null,
    };
  });
  return [...own, ...of, ...generatedImages(spec, own), ...kept];
}

/** The entry of an image that has no role in ordinary training. */
const withoutRole = ({ sha256, size }: Pick<HashedImage, 'sha256' | 'size'>, path: string, id: string | undefined) => ({
  ...{ id: id ?? sha256, path, sha256, repeats: 1 },
  size: [...size] as [number, number],
});

/** The function that places the images of a source, made once for each resolution that a source asks for. */
function placers(d: RunSpec['dataset']): (source: SourceSpec | undefined) => ReturnType<typeof placer> {
  const known = new Map<string, ReturnType<typeof placer>>();
  return (source) => {
    const resolution = source?.resolution ?? d.resolution;
    const key = String(resolution);
    const place = known.get(key) ?? placer({ ...d, resolution });
    known.set(key, place);
    return place;
  };
}

/** Most images on which the loss is measured; the trainer has the same limit. */
const MOST_VALIDATED = 64;

type Hashed = HashedScan['images'];

/**
 * The images of `validation.path` on which the loss is measured, and sentences about the others. Images that are
 * trained as well are left out: their loss says nothing about images that are not.
 */
export function validated(trained: Hashed, held: Hashed, seed: number) {
  const known = new Set(trained.map(({ sha256 }) => sha256));
  const own = held.filter(({ sha256 }) => !known.has(sha256));
  const twice = held.filter(({ sha256 }) => known.has(sha256)).map(({ path }) => path);
  const ids = sampleIds(own.map(({ sha256 }) => sha256));
  const drawn = own.length > MOST_VALIDATED ? validationIds(ids, MOST_VALIDATED / own.length, seed) : new Set(ids);
  const images = own.filter((_, i) => drawn.has(ids[i] ?? ''));
  return {
    images,
    notes: [
      ...(twice.length === 0
        ? []
        : [
            `${plural(twice.length, 'picture')} of validation.path trained on as well, so not measured: ${named(twice)}`,
          ]),
      ...(images.length < own.length
        ? [`the loss is measured on ${images.length} of the ${own.length} pictures of validation.path`]
        : []),
    ],
  };
}

const named = (paths: readonly string[]) =>
  `${paths.slice(0, 3).join(', ')}${paths.length > 3 ? ` and ${paths.length - 3} more` : ''}`;

/** Makes the complete caption of an image from its own text (null for an image without one) and its path. */
function captionComposer(spec: RunSpec, root: string): (text: string | null, path: string) => string {
  const { dataset: d, captions } = spec;
  const ruled = ruledParts(captionRules(captions), d.caption_options);
  const sourceOf = sourceFinder(spec, root);
  return (text, path) => {
    const source = sourceOf(path);
    const parts = settingsOf(d, source);
    const one = (line: string | null) => {
      const own = line === null ? null : ruled(line) || null;
      if (own !== null && hasSeparator(own, d.caption_options))
        return composeParts(own, d.caption_options?.keep_separator ?? '', parts);
      const caption = composeCaption(own, parts);
      return tagsMove(settingsOfUses(d, source)) ? triggerFirst(caption, parts.trigger) : caption;
    };
    return text === null ? one(null) : linesOf(text, d.caption_options).map(one).join('\n');
  };
}

/**
 * The plan with captions that were not known when it was made, by the SHA-256 of their images. Values that depend on
 * captions change too: the number of tokens, and the tags in the metadata.
 */
export function withCaptions(plan: Plan, spec: RunSpec, texts: ReadonlyMap<string, string>): Plan {
  const caption = captionComposer(spec, plan.data.root);
  return recaptioned(plan, spec, ({ sha256, path }) => {
    const text = texts.get(sha256);
    return text === undefined ? undefined : caption(text === '' ? null : text, path);
  });
}

/**
 * The plan with the written captions of another plan of the same run, for images without captions of their own: these
 * captions belong to that run, even if the store of written captions changed since.
 * @param bare hashes of images without a caption of their own
 */
export function withRecorded(plan: Plan, spec: RunSpec, recorded: Plan, bare: ReadonlySet<string>): Plan {
  const then = new Map(recorded.data.images.map(({ sha256, caption }) => [sha256, caption]));
  return recaptioned(plan, spec, ({ sha256 }) => (bare.has(sha256) ? then.get(sha256) : undefined));
}

function recaptioned(plan: Plan, spec: RunSpec, captionOf: (sample: PlanImage) => string | undefined): Plan {
  const images = plan.data.images.map((sample) => {
    // A regularisation image has only the caption of its own folder.
    const caption = sample.regularisation ? undefined : captionOf(sample);
    return caption === undefined ? sample : { ...sample, caption };
  });
  return {
    ...plan,
    data: { ...plan.data, images, max_tokens: maxTokens(images, plan.data.caption_options) },
    output: { ...plan.output, facts: metadataFacts(spec, images, plan.output.facts[SHARED_SETTINGS]) },
  };
}

export function maxTokens(samples: readonly PlanImage[], options: CaptionOptions | null): 75 | 150 | 225 {
  const forms = samples.flatMap(({ caption }) => longestForms(caption, options));
  const longest = forms.reduce((most, form) => Math.max(most, estimateTokens(form)), 0);
  return longest <= 75 ? 75 : longest <= 150 ? 150 : 225;
}
