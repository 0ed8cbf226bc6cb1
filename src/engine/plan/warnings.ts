/** Warnings about a plan before it starts. Each sentence says what will be done about the problem. Pure. */

import { plural } from '../../base/text.ts';
import { captionMarks } from '../../spec/prompt-syntax.ts';
import type { RunSpec } from '../../spec/schema.ts';
import { readCadence } from '../../spec/sections/cadence.ts';
import { largestSide } from '../../spec/sections/resolution.ts';
import type { HashedScan } from '../dataset/hash.ts';
import { isFurther } from '../dataset/sizes.ts';
import { hasLooseBrace, plainCaption } from './caption-forms.ts';
import { estimateTokens, looksLikeTags, says } from './captions.ts';
import { batchOf, bucketUses, pixelsOf } from './lengths.ts';
import type { Plan } from './schema.ts';

export function planWarnings(plan: Plan, spec: RunSpec, scan: HashedScan): readonly string[] {
  const { images } = plan.data;
  const trained = images.filter(({ validation, regularisation }) => !validation && !regularisation);
  // Warnings about an image at several resolutions appear once.
  const once: Plan = { ...plan, data: { ...plan.data, images: images.filter((image) => !isFurther(image)) } };
  return [
    ...captionWarnings(once, spec, scan),
    ...sizeWarnings(once, spec),
    ...cropWarnings(once, spec),
    ...lengthWarnings(plan, trained, spec),
    ...earlyStopWarnings(once),
    ...adapterWarnings(plan),
    ...packingWarnings(plan),
  ];
}

function captionWarnings({ data, samples }: Plan, spec: RunSpec, scan: HashedScan): readonly string[] {
  const { trigger, default_caption: fallback, shuffle_tags: shuffle } = spec.dataset;
  const warnings: string[] = [];
  const without = scan.images.filter(({ caption }) => caption === null).length;
  const instead =
    fallback !== '' ? 'default_caption' : trigger.trim() !== '' ? 'the trigger alone' : 'an empty caption';
  if (without > 0) warnings.push(`${plural(without, 'picture')} without a caption: trained with ${instead}`);
  for (const [extension, count] of Object.entries(scan.otherCaptions))
    warnings.push(
      `${plural(count, `${extension} file`)} beside pictures not read: --set dataset.caption_extension=${extension}`,
    );
  const { caption_options: options } = spec.dataset;
  const captions = data.images.map(({ caption }) => plainCaption(caption, options));
  const loose = options?.wildcards === true ? data.images.filter(({ caption }) => hasLooseBrace(caption)) : [];
  if (loose.length > 0)
    warnings.push(
      `${plural(loose.length, 'caption')} with a brace that belongs to no {a|b} (${loose[0]?.path}): it is read as it stands; {{ and }} are braces`,
    );
  const long = captions.filter((caption) => estimateTokens(caption) > MOST_TOKENS).length;
  if (long > 0)
    warnings.push(
      `${plural(long, 'caption')} longer than about ${MOST_TOKENS} tokens: what goes beyond is not read, so shorten it`,
    );
  warnings.push(...captionMarks(captions));
  if (shuffle && !captions.some(looksLikeTags))
    warnings.push('shuffle_tags is on, but the captions read as sentences: their parts would be mixed up');
  if (trigger.trim() !== '' && samples.prompts.length > 0 && !samples.prompts.some((p) => says(p, trigger.trim())))
    warnings.push(`no sample prompt holds the trigger ${trigger.trim()}: the samples would not show what is learned`);
  return warnings;
}

/** Warns that adapters other than LoRA are less well known, and slower on a card. */
function adapterWarnings({ training: t, resources: r }: Plan): readonly string[] {
  const kind = t.dora ? 'dora' : t.adapter;
  if (kind === 'lora' && t.t_lora !== null && r.device.startsWith('cuda'))
    return ['with t_lora the layers are not fused: a step takes longer than that of a LoRA'];
  if (kind === 'lora') return [];
  const slower = r.device.startsWith('cuda')
    ? `, and its layers are not fused: a step takes longer than that of a LoRA`
    : '';
  return [`how much memory a ${kind} takes was not measured${slower}`];
}

/** Warns that packed weights are not exactly those of the base. */
function packingWarnings({ resources: r }: Plan): readonly string[] {
  const packed = [
    ...(r.base_precision === 'same' ? [] : [`the base's weights are rounded to ${r.base_precision}`]),
    ...(r.text_precision === 'same' ? [] : [`the text encoders' to ${r.text_precision}`]),
  ];
  if (packed.length === 0) return [];
  return [`${packed.join(', ')}: the LoRA is learned on those, which changes it a little; samples show it on them too`];
}

/** Most tokens that a caption can have: three chunks of CLIP. */
const MOST_TOKENS = 225;

/** Largest enlargement without a warning. An image that is enlarged more teaches blur. */
const MOST_ENLARGED = 1.5;

/** Least share of an image that a crop may leave without a warning. */
const LEAST_KEPT = 0.5;

function cropWarnings({ data }: Plan, spec: RunSpec): readonly string[] {
  const cut = data.images.filter(({ size, bucket }) => {
    const [wide, high] = [size[0] / bucket[0], size[1] / bucket[1]];
    return Math.min(wide, high) / Math.max(wide, high) < LEAST_KEPT;
  });
  const [first] = cut;
  if (first === undefined) return [];
  const cure = spec.dataset.buckets
    ? 'cut out by hand what matters'
    : '--set dataset.buckets=true keeps the shapes of pictures';
  return [
    `more than half is cut away of ${plural(cut.length, 'picture')} (${first.path}: ${first.size.join('×')} to ${first.bucket.join('×')}); ${cure}`,
  ];
}

function sizeWarnings({ data }: Plan, spec: RunSpec): readonly string[] {
  const enlarged = data.images.filter(
    ({ size, bucket }) => Math.max(bucket[0] / size[0], bucket[1] / size[1]) > MOST_ENLARGED,
  );
  if (enlarged.length === 0) return [];
  const [first] = enlarged;
  const { buckets, no_upscale: kept } = spec.dataset;
  const cure = buckets && !kept ? '; --set dataset.no_upscale=true keeps their size' : '';
  return [
    `${plural(enlarged.length, 'picture')} much smaller than ${largestSide(spec.dataset.resolution)} px (${first?.path}) and enlarged${cure}`,
  ];
}

function lengthWarnings(
  { training: t, data, resources }: Plan,
  trained: Plan['data']['images'],
  spec: RunSpec,
): readonly string[] {
  const warnings: string[] = [];
  if (t.steps * t.gradient_accumulation < t.batches_per_epoch)
    warnings.push(
      `${plural(t.steps, 'step')} are less than one epoch (${t.batches_per_epoch} batches): not every picture is used`,
    );
  const images = trained.filter((image) => !isFurther(image)).length;
  if (images < 4)
    warnings.push(`only ${plural(images, 'picture')} to learn from: the LoRA will copy more than it learns`);
  const batch = batchOf(t, resources.processes);
  const counts = [...bucketUses(trained, data.resolution_use)].map(([bucket, uses]) => {
    const most = batch(pixelsOf(bucket));
    return { uses, room: Math.ceil(uses / most) * most };
  });
  const [uses, room] = (['uses', 'room'] as const).map((key) => counts.reduce((sum, one) => sum + one[key], 0));
  if (t.batch_size > 1 && (room ?? 0) > 1.5 * (uses ?? 0))
    warnings.push(
      `many batches are smaller than batch_size ${t.batch_size}, because shapes differ: a smaller batch wastes less`,
    );
  if (spec.dataset.validation_share > 0 && spec.validation.path === null && images < 4)
    warnings.push('--set dataset.validation_share=0 keeps all pictures for training');
  return warnings;
}

/** With fewer images kept out, the trainer's `early_stop.py` ends no run. */
const LEAST_TO_STOP = 8;

/** Why `validation.patience` can never end this run; nothing where it can. */
function earlyStopWarnings({ training: t, validation, output, data }: Plan): readonly string[] {
  const { patience } = validation;
  if (patience === null) return [];
  const measured = data.images.filter((image) => image.validation).length;
  if (measured < LEAST_TO_STOP)
    return [
      `validation.patience will not end this run: ${plural(measured, 'picture')} kept out of training tell too little, ${LEAST_TO_STOP} would do`,
    ];
  const { count, unit } = readCadence(validation.every ?? output.checkpoint_every);
  const epochs = Math.floor(((t.steps - 1) * t.gradient_accumulation) / t.batches_per_epoch);
  const due = Math.floor((unit === 'epochs' ? epochs : t.steps - 1) / count);
  const needed = 2 * patience + 1;
  if (due >= needed) return [];
  return [
    `validation.patience will not end this run: it needs ${needed} validations before the last step, and ${due} are due: set a smaller validation.every`,
  ];
}
