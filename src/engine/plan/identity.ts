/** Identities that depend on content alone: of a run, of its images, and of the choice of validation images. Pure. */

import { sha256OfText } from '../../base/files/hash.ts';
import { isPath } from '../../spec/own-preset.ts';
import { captionsSchema, type RunSpec } from '../../spec/schema.ts';
import { laterSourceKeys, type SourceSpec } from '../../spec/sections/sources.ts';
import { isMaskFolder } from '../../spec/training/subject-keys.ts';

/** JSON with sorted keys and no spaces: the same text for the same value. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, inner]) => `${JSON.stringify(key)}:${canonicalJson(inner)}`).join(',')}}`;
}

/**
 * Identity of a run: a hash of everything that can change the trained bytes. Paths are left out (the same run in
 * another place is the same run; contents are hashed on their own), and so are settings that change no byte: samples,
 * checkpoints, loader processes.
 * @param isId whether a model's name is a registry id and not a path
 * @param processes how many processes train together: each number of them sums in its own order
 */
export function specSha256(spec: RunSpec, isId: (name: string) => boolean, processes = 1): string {
  const named = (name: string | null) => (name !== null && isId(name) ? name : null);
  const {
    path: _path,
    include: _include,
    caption_from: captionFrom,
    masks,
    regularisation,
    sources,
    caption_options: options,
    augment,
    resolution_use: use,
    ...kept
  } = spec.dataset;
  const dataset = {
    ...kept,
    ...(options === null ? {} : { caption_options: options }),
    ...(augment === null ? {} : { augment }),
    ...(use === 'each' ? {} : { resolution_use: use }),
    ...(captionFrom.length === 0 ? {} : { caption_from: captionFrom }),
    // Which images are in which source is part of the plan's images.
    ...(sources.length === 0 ? {} : { sources: sources.map(sourceIdentity) }),
    masks: masks === null ? null : maskIdentity(masks),
    regularisation: regularisation === null ? null : regularisationIdentity(regularisation),
  };
  const resources = { ...computedAlike(spec.resources), ...(processes === 1 ? {} : { processes }) };
  const { merge_loras: merged, flow_shift, vae_scaling, ...ownModel } = spec.model;
  const model = {
    ...ownModel,
    base: named(spec.model.base),
    vae: named(spec.model.vae),
    ...(spec.model.prediction === 'flow' ? { flow_shift } : {}),
    ...(vae_scaling === null ? {} : { vae_scaling }),
    ...(merged.length === 0 ? {} : { merge_loras: merged.map(({ strength }) => ({ path: 'file', strength })) }),
  };
  const validation = validationIdentity(spec);
  const {
    ema,
    text_encoder_until: until,
    batch_size_at: at,
    t_lora,
    pivotal,
    optimizer_args: args,
    ...learned
  } = spec.training;
  const training = {
    ...learned,
    // Keys that came later are left out at their defaults, so that earlier runs keep their identity.
    ...(ema === null ? {} : { ema }),
    ...(until === 1 ? {} : { text_encoder_until: until }),
    ...(at.length === 0 ? {} : { batch_size_at: at }),
    ...(t_lora === null ? {} : { t_lora }),
    ...(pivotal === null ? {} : { pivotal }),
    optimizer_args: args === null ? null : argumentsIdentity(args),
    init_lora: learned.init_lora === null ? null : 'file',
  };
  const { precision, metadata, diffusers } = spec.output;
  const output = { precision, metadata, diffusers };
  const { version, name } = spec;
  const changed = changedCaptions(spec.captions);
  const captions = Object.keys(changed).length === 0 ? {} : { captions: changed };
  return sha256OfText(
    canonicalJson({ version, name, dataset, ...captions, ...validation, model, training, output, resources }),
  );
}

/** A source without its path, and without later keys that have their default. */
function sourceIdentity(source: SourceSpec): object {
  const { caption_extension: _captionsOfImages, ...kept } = source;
  const later = new Set<string>(laterSourceKeys);
  const named = Object.entries(kept).filter(
    ([key, value]) => !later.has(key) || (value !== null && !(key === 'masks' && value === true)),
  );
  return { ...Object.fromEntries(named), path: 'folder' };
}

/** Arguments of an optimiser, without later ones that are not set. */
function argumentsIdentity({
  schedulefree_c,
  prodigy_steps,
  ...args
}: NonNullable<RunSpec['training']['optimizer_args']>): object {
  return {
    ...args,
    ...(schedulefree_c === null ? {} : { schedulefree_c }),
    ...(prodigy_steps === null ? {} : { prodigy_steps }),
  };
}

/** The settings of masks. `find` counts where masks are made, `focus` where it is on: earlier runs keep their identity. */
function maskIdentity({ find, focus, ...others }: NonNullable<RunSpec['dataset']['masks']>): object {
  const masks = focus ? { ...others, focus } : others;
  if (masks.from === 'made') return { ...masks, find };
  return isMaskFolder(masks.from) ? { ...masks, from: 'folder' } : masks;
}

/** The settings of regularisation images. Prompts count only where there are any: earlier runs keep their identity. */
function regularisationIdentity(regularisation: NonNullable<RunSpec['dataset']['regularisation']>): object {
  const { path, prompts, count, ...kept } = regularisation;
  const made = prompts.length === 0 ? {} : { prompts, count };
  return { ...kept, path: path === null ? null : 'folder', ...made };
}

/** Validation changes bytes only where it may end the run, and where its own folder leaves all images for training. */
function validationIdentity({ validation: v, output: o }: RunSpec): object {
  const path = v.path === null ? {} : { path: 'folder' };
  const { patience, min_change } = v;
  const ends = patience === null ? {} : { patience, min_change, every: v.every ?? o.checkpoint_every };
  return v.path === null && patience === null ? {} : { validation: { ...path, ...ends } };
}

/**
 * The resources that can change a byte. Where the base's weights wait, and whether trial steps are made before the
 * first step, are not among them. The packing of the base's weights is left out where they are not packed, so that
 * earlier runs keep their identity.
 */
function computedAlike({
  workers: _workers,
  stream_base: _stream,
  probe: _probe,
  devices: _devices,
  nodes: _nodes,
  base_precision,
  text_precision,
  ...kept
}: RunSpec['resources']): object {
  return {
    ...kept,
    ...(base_precision === 'same' ? {} : { base_precision }),
    ...(text_precision === 'same' ? {} : { text_precision }),
  };
}

/** Keys of the models that write captions: an id of the registry, or a folder. */
const MODELS = new Set(['tagger', 'captioner']);

/** Keys of the writing of captions, which have no effect without `write`. */
const WRITING = new Set<string>([
  ...['tagger', 'threshold', 'character_threshold', 'ratings', 'exclude'],
  ...['captioner', 'length', 'endpoint', 'endpoint_model', 'prompt'],
]);

/**
 * The settings of captions that are not at their default. The others change no byte and are left out, so that earlier
 * runs keep their identity.
 */
function changedCaptions(captions: RunSpec['captions']): Partial<RunSpec['captions']> {
  const standard: Readonly<Record<string, unknown>> = captionsSchema.parse({});
  const changed = Object.entries(captions).filter(
    ([key, value]) =>
      canonicalJson(value) !== canonicalJson(standard[key]) && (captions.write !== null || !WRITING.has(key)),
  );
  // A model of one's own counts by the captions that it writes, wherever it lies.
  return Object.fromEntries(
    changed.map(([key, value]) => [key, MODELS.has(key) && isPath(String(value)) ? 'folder' : value]),
  );
}

/** Ids of images: the first 16 hex digits of each hash, with `-2`, `-3` … for images that share them. */
export function sampleIds(hashes: readonly string[]): readonly string[] {
  const seen = new Map<string, number>();
  return hashes.map((hash) => {
    const short = hash.slice(0, 16);
    const copies = (seen.get(short) ?? 0) + 1;
    seen.set(short, copies);
    return copies === 1 ? short : `${short}-${copies}`;
  });
}

/**
 * Ids of the images that are kept out of training for validation: those with the smallest hash of (seed, id), so that
 * an added or removed image hardly changes the choice. At least one image is left to train on.
 */
export function validationIds(ids: readonly string[], share: number, seed: number): ReadonlySet<string> {
  const count = Math.min(ids.length - 1, Math.round(ids.length * share));
  const order = ids.map((id) => ({ id, draw: sha256OfText(`validation ${seed} ${id}`) }));
  order.sort((a, b) => (a.draw < b.draw ? -1 : 1));
  return new Set(order.slice(0, Math.max(0, count)).map(({ id }) => id));
}
