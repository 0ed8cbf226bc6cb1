/** The key `dataset.sources` of run.yaml: folders with settings of their own. */
import { z } from 'zod';
import { augmentSchema } from '../training/augment-keys.ts';
import { count, doc, line, part, share } from '../training/doc.ts';
import { captionSources } from './choices.ts';
import { resolutionSchema } from './resolution.ts';

const sourceRoles = ['train', 'regularisation', 'validation'] as const;
export type SourceRole = (typeof sourceRoles)[number];

const imageSourceSchema = z.strictObject({
  path: part(
    line(4096).min(1),
    'Its folder, relative to this file; inside dataset.path or elsewhere. The innermost source counts.',
  ),
  role: part(
    z.enum(sourceRoles).default('train'),
    'train; regularisation (pictures of the class, without the trigger); or validation (only measured on).',
  ),
  repeats: part(
    count(1, 10_000).nullable().default(null),
    'In place of dataset.repeats; null is that. A name such as 10_fox counts besides.',
  ),
  weight: part(
    z.number().positive().max(1000).nullable().default(null),
    'Share of the uses in an epoch, compared with the other sources that have a weight, however many pictures there are; in place of all repeats.',
  ),
  loss_weight: part(z.number().min(0).max(100).default(1), 'How much the loss of its pictures counts.'),
  trigger: part(line(200).nullable().default(null), 'In place of dataset.trigger; null is that.'),
  caption_prefix: part(line(2000).nullable().default(null), 'In place of dataset.caption_prefix; null is that.'),
  caption_suffix: part(line(2000).nullable().default(null), 'In place of dataset.caption_suffix; null is that.'),
  default_caption: part(
    line(2000).nullable().default(null),
    'In place of dataset.default_caption; null is that. For regularisation the class, such as woman.',
  ),
  caption_extension: part(
    line(32)
      .regex(/^\.[A-Za-z0-9._-]+$/, 'must look like .txt')
      .meta({ examples: ['.txt', '.caption'] })
      .nullable()
      .default(null),
    'In place of dataset.caption_extension; null is that.',
  ),
  caption_from: part(
    z.array(z.enum(captionSources)).max(captionSources.length).nullable().default(null),
    'In place of dataset.caption_from; null is that. [] looks nowhere else.',
  ),
  shuffle_tags: part(z.boolean().nullable().default(null), 'In place of dataset.shuffle_tags; null is that.'),
  keep_tags: part(count(0, 100).nullable().default(null), 'In place of dataset.keep_tags; null is that.'),
  caption_dropout: part(share().nullable().default(null), 'In place of dataset.caption_dropout; null is that.'),
  tag_dropout: part(share().nullable().default(null), 'In place of dataset.tag_dropout; null is that.'),
  flip: part(z.boolean().nullable().default(null), 'In place of dataset.flip; null is that.'),
  crop: part(z.enum(['center', 'random']).nullable().default(null), 'In place of dataset.crop; null is that.'),
  resolution: part(
    resolutionSchema.nullable().default(null),
    'In place of dataset.resolution; null is that. Its bounds and steps of buckets are those of dataset.',
  ),
  augment: part(
    z
      .union([augmentSchema, z.literal(false)])
      .nullable()
      .default(null),
    'In place of dataset.augment; null is that, false makes no variations.',
  ),
  masks: part(z.boolean().default(true), 'Whether its masks count, where dataset.masks is set.'),
});
/** The schema of each field of a source. */
export const sourceFields: Readonly<Record<string, z.ZodType>> = imageSourceSchema.shape;
export type SourceSpec = z.output<typeof imageSourceSchema>;

const standard: Readonly<Record<string, unknown>> = imageSourceSchema.parse({ path: '.' });

/** A source as it is written into run.yaml: its folder, its role, and what differs from the settings of `dataset`. */
export const leanSource = (source: SourceSpec): Partial<SourceSpec> =>
  Object.fromEntries(
    Object.entries(source).filter(([key, value]) => key === 'path' || key === 'role' || value !== standard[key]),
  );

/**
 * Keys of a source that were added later. At their defaults they are no part of a run's identity, so that older runs
 * keep theirs.
 */
export const laterSourceKeys = [
  'caption_extension',
  'caption_from',
  'shuffle_tags',
  'keep_tags',
  'caption_dropout',
  'tag_dropout',
  'flip',
  'crop',
  'resolution',
  'augment',
  'masks',
] as const;

export const sourceKeys = {
  sources: doc(
    z.array(imageSourceSchema).max(100).default([]),
    'Folders with settings of their own. What is not in one of them has those of dataset.',
    'Two outfits with a trigger each; 12 pictures that shall count as much as 90: {path: ./few, weight: 1}, {path: ./many, weight: 1}.',
  ),
};
