/**
 * Metadata of the LoRA file that only the TypeScript side knows: `ss_*` as sd-scripts writes them, and `modelspec.*`.
 * Pure.
 */
import { basename } from 'node:path';
import type { RunSpec } from '../../spec/schema.ts';
import { largestSide } from '../../spec/sections/resolution.ts';
import { isFurther } from '../dataset/sizes.ts';
import { plainCaption } from './caption-forms.ts';
import { tagsOf } from './captions.ts';
import type { PlanImage } from './schema.ts';

/** sd-scripts is written in Python: it has True and False, and tuples in round brackets. */
const python = (value: boolean) => (value ? 'True' : 'False');

/**
 * Facts of the data set, which are written only in `full` metadata. The trainer adds by itself what the plan says in
 * other places. No absolute path and no time is among them, so that the same run gives the same file anywhere.
 */
export function metadataFacts(spec: RunSpec, samples: readonly PlanImage[]): Record<string, string> {
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
    ss_enable_bucket: python(d.buckets),
    ss_bucket_no_upscale: python(d.no_upscale),
    ss_min_bucket_reso: String(d.bucket_min),
    ss_max_bucket_reso: String(d.bucket_max),
    ss_bucket_info: JSON.stringify(bucketInfo(trained)),
    ss_dataset_dirs: JSON.stringify(byFolder(once, name, datasetDir)),
    ...(others.length === 0 ? {} : { ss_reg_dataset_dirs: JSON.stringify(byFolder(others, 'reg', datasetDir)) }),
    ss_tag_frequency: JSON.stringify(byFolder(once, name, tagFrequency)),
  };
}

/** What was merged into the base, since the LoRA acts as it was trained only with that beside it. */
function mergedFacts({ model: { merge_loras: merged } }: RunSpec): Record<string, string> {
  if (merged.length === 0) return {};
  return {
    ss_base_weights: merged.map(({ path }) => basename(path)).join(','),
    ss_base_weights_multiplier: merged.map(({ strength }) => String(strength)).join(','),
  };
}

function bucketInfo(samples: readonly PlanImage[]) {
  const counts = new Map<string, { resolution: readonly number[]; count: number }>();
  let ratioErrors = 0;
  for (const { size, bucket, repeats } of samples) {
    const key = bucket.join('x');
    counts.set(key, { resolution: bucket, count: (counts.get(key)?.count ?? 0) + repeats });
    ratioErrors += Math.abs(size[0] / size[1] - bucket[0] / bucket[1]);
  }
  const sorted = [...counts.values()].sort(
    (a, b) => (a.resolution[0] ?? 0) - (b.resolution[0] ?? 0) || (a.resolution[1] ?? 0) - (b.resolution[1] ?? 0),
  );
  const mean = samples.length === 0 ? 0 : ratioErrors / samples.length;
  return { buckets: Object.fromEntries(sorted.entries()), mean_img_ar_error: mean };
}

/**
 * Facts by folder inside the data set. Images at its top are listed under the run's name, so that no absolute path
 * shows.
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
