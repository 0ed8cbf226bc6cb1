/** The key `dataset.sources` of run.yaml: folders with settings of their own. */
import { z } from 'zod';
import { count, doc, line, part } from '../training/doc.ts';

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
});
export type SourceSpec = z.output<typeof imageSourceSchema>;

export const sourceKeys = {
  sources: doc(
    z.array(imageSourceSchema).max(100).default([]),
    'Folders with settings of their own. What is not in one of them has those of dataset.',
    'Two outfits with a trigger each; 12 pictures that shall count as much as 90: {path: ./few, weight: 1}, {path: ./many, weight: 1}.',
  ),
};
