/**
 * Metadata of the LoRA file that only the TypeScript side knows: `ss_*` as sd-scripts writes them, `modelspec.*`, and
 * settings under a key of our own, because sd-scripts has none for them and `new --from` a LoRA would lose them. Pure.
 */
import { basename } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { findKey, specKeys } from '../../spec/keys.ts';
import { holdsTrigger, whyNotInPreset } from '../../spec/own-preset.ts';
import type { RunSpec } from '../../spec/schema.ts';
import { largestSide } from '../../spec/sections/resolution.ts';
import { isFurther } from '../dataset/sizes.ts';
import { plainCaption } from './caption-forms.ts';
import { tagsOf } from './captions.ts';
import { bucketUses } from './lengths.ts';
import type { PlanImage } from './schema.ts';
import { keptTags, triggersOf } from './sources.ts';

/** Values in Python's notation, which sd-scripts writes: True and False, and tuples in round brackets. */
const python = (value: boolean) => (value ? 'True' : 'False');

/**
 * Facts about the data set, which are written only in `full` metadata. The trainer adds what the plan says in other
 * places; `shared` is the result of `sharedFacts`. No absolute path and no time is among them, so that the same run
 * gives the same file anywhere.
 */
export function metadataFacts(
  spec: RunSpec,
  samples: readonly PlanImage[],
  shared: string | undefined,
): Record<string, string> {
  const { dataset: d, output, name } = spec;
  const side = largestSide(d.resolution);
  if (output.metadata !== 'full') return {};
  const plain = samples.map((sample) => ({ ...sample, caption: plainCaption(sample.caption, d.caption_options) }));
  const trained = plain.filter(({ validation, regularisation }) => !validation && !regularisation);
  const once = trained.filter((image) => !isFurther(image));
  const others = samples.filter(({ regularisation }) => regularisation);
  const triggers = [d, ...d.sources].map((one) => one.trigger?.trim() ?? '').filter((one) => one !== '');
  const trigger = [...new Set(triggers)].join(', ');
  return {
    ...(trigger === '' ? {} : { 'modelspec.trigger_phrase': trigger }),
    'modelspec.resolution': `${side}x${side}`,
    ss_resolution: `(${side}, ${side})`,
    ...mergedFacts(spec),
    ...(shared === undefined ? {} : { [SHARED_SETTINGS]: shared }),
    ss_enable_bucket: python(d.buckets),
    ss_bucket_no_upscale: python(d.no_upscale),
    ss_min_bucket_reso: String(d.bucket_min),
    ss_max_bucket_reso: String(d.bucket_max),
    ss_bucket_info: JSON.stringify(bucketInfo(trained, d.resolution_use)),
    ss_dataset_dirs: JSON.stringify(byFolder(once, name, datasetDir)),
    ...(others.length === 0 ? {} : { ss_reg_dataset_dirs: JSON.stringify(byFolder(others, 'reg', datasetDir)) }),
    ss_tag_frequency: JSON.stringify(byFolder(once, name, tagFrequency)),
  };
}

/**
 * The settings for which sd-scripts has no key, so that a run like this one can be made from the file; undefined where
 * all have their usual values.
 */
export function sharedFacts(spec: RunSpec, usual: (key: string) => unknown): string | undefined {
  const shared = sharedSettings(spec, usual, keptTags(spec.dataset, triggersOf(spec.dataset)));
  return Object.keys(shared).length === 0 ? undefined : JSON.stringify(shared);
}

/** The LoRAs that were merged into the base, since the trained LoRA needs them to act as it did in training. */
function mergedFacts({ model: { merge_loras: merged } }: RunSpec): Record<string, string> {
  if (merged.length === 0) return {};
  return {
    ss_base_weights: merged.map(({ path }) => basename(path)).join(','),
    ss_base_weights_multiplier: merged.map(({ strength }) => String(strength)).join(','),
  };
}

function bucketInfo(samples: readonly PlanImage[], use: RunSpec['dataset']['resolution_use']) {
  let ratioErrors = 0;
  for (const { size, bucket } of samples) ratioErrors += Math.abs(size[0] / size[1] - bucket[0] / bucket[1]);
  const counts = [...bucketUses(samples, use)].map(([bucket, count]) => ({
    resolution: bucket.split('x').map(Number),
    count,
  }));
  const sorted = counts.sort(
    (a, b) => (a.resolution[0] ?? 0) - (b.resolution[0] ?? 0) || (a.resolution[1] ?? 0) - (b.resolution[1] ?? 0),
  );
  const mean = samples.length === 0 ? 0 : ratioErrors / samples.length;
  return { buckets: Object.fromEntries(sorted.entries()), mean_img_ar_error: mean };
}

/**
 * Facts by folder inside the data set. Images at its top level are listed under the run's name, so that no absolute
 * path shows.
 */
function byFolder<T>(samples: readonly PlanImage[], top: string, facts: (samples: readonly PlanImage[]) => T) {
  const folders = new Map<string, PlanImage[]>();
  for (const sample of samples) {
    const folder = sample.path.split('/').at(-2) ?? top;
    const inside = folders.get(folder);
    if (inside === undefined) folders.set(folder, [sample]);
    else inside.push(sample);
  }
  return Object.fromEntries([...folders].map(([folder, inside]) => [folder, facts(inside)]));
}

const datasetDir = (samples: readonly PlanImage[]) => ({
  n_repeats: samples[0]?.repeats ?? 1,
  img_count: samples.length,
});

/** Tags by frequency, the most frequent first, then by name: the order in which A1111 shows them. */
function tagFrequency(samples: readonly PlanImage[]) {
  const counts = new Map<string, number>();
  for (const { caption } of samples) for (const tag of tagsOf(caption)) counts.set(tag, (counts.get(tag) ?? 0) + 1);
  return Object.fromEntries([...counts].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1)));
}

/** Key of the metadata for our own settings, a JSON object of dotted keys of run.yaml. */
export const SHARED_SETTINGS = 'visiontrain.settings';

const of = (section: string, names: string) => names.split(' ').map((name) => `${section}.${name}`);

/** Keys whose whole value is in `ss_*` or `modelspec.*`, or follows from the base model. */
const TOLD: ReadonlySet<string> = new Set([
  'dataset.goal',
  ...of('dataset', 'shuffle_tags caption_dropout tag_dropout buckets bucket_min bucket_max no_upscale crop flip'),
  ...of('training', 'seed steps batch_size gradient_accumulation learning_rate optimizer weight_decay betas schedule'),
  ...of('training', 'warmup max_grad_norm max_weight_norm rank alpha dropout conv_rank conv_alpha dora rslora'),
  ...of('training', 'rank_dropout module_dropout lora_plus_ratio noise_offset noise_offset_random'),
  'training.noise_offset_adaptive',
]);

/**
 * Keys of other sections that change what is learned; their other keys are about the machine, the screen or the base.
 */
const FURTHER: ReadonlySet<string> = new Set([
  'model.vae',
  'model.flow_shift',
  'model.vae_scaling',
  'validation.patience',
  'validation.min_change',
  'resources.base_precision',
  'resources.text_precision',
]);

/**
 * Whether the metadata of a LoRA may contain this setting with this value: not when it is text about images, or a
 * path.
 */
export function isShared(key: string, value: unknown): boolean {
  const section = findKey(key)?.section ?? '';
  if (!['dataset', 'captions', 'training'].includes(section) && !FURTHER.has(key)) return false;
  return whyNotInPreset(key, value) === undefined;
}

/** Keys with a default, which holds when the metadata of a LoRA of ours does not name the key. */
export const silentKeys: readonly { readonly key: string; readonly value: unknown }[] = specKeys.flatMap(
  ({ key, node }) => (node.default !== undefined && isShared(key, node.default) ? [{ key, value: node.default }] : []),
);

/** Whether a setting has no effect beside the others, so that the run is the same whatever its value. */
function isIdle(key: string, { captions, model, validation }: RunSpec): boolean {
  if (WRITING.test(key)) return captions.write === null;
  if (key === 'model.flow_shift') return model.prediction !== 'flow';
  return key === 'validation.min_change' && validation.patience === null;
}

const WRITING = /^captions\.(?:tagger|threshold|character_threshold|ratings|exclude|captioner|length|prompt)$/u;

/**
 * The settings with values other than usual, by dotted key. Each is part of the run's identity, so that the same run
 * writes the same file.
 * @param usual what the recipe of the base has, for keys without a default
 * @param keptTags how many tags sd-scripts' key says are kept, including those of this trigger
 */
function sharedSettings(
  spec: RunSpec,
  usual: (key: string) => unknown,
  keptTags: number,
): Readonly<Record<string, unknown>> {
  const out: Record<string, unknown> = {};
  for (const { key, section, node } of specKeys) {
    const value = (spec as unknown as Record<string, Record<string, unknown>>)[section]?.[
      key.slice(section.length + 1)
    ];
    if (isTold(key, value) || !isShared(key, value) || holdsTrigger(key, value, spec.dataset.trigger)) continue;
    if (isIdle(key, spec)) continue;
    const isUsual = isDeepStrictEqual(value, node.default === undefined ? usual(key) : node.default);
    // The number of kept tags in `ss_*` includes those of this trigger, and another data set has another trigger.
    if (!isUsual || (key === 'dataset.keep_tags' && value !== keptTags)) out[key] = value;
  }
  return out;
}

/** Whether sd-scripts' single number says all about a value; a list says more. */
function isTold(key: string, value: unknown): boolean {
  if (TOLD.has(key)) return true;
  return ['dataset.resolution', 'training.text_encoder_learning_rate'].includes(key) && !Array.isArray(value);
}
