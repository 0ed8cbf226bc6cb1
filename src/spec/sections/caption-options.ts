/** The key `dataset.caption_options` of run.yaml: marks in captions that have a meaning, as in sd-scripts. */
import { z } from 'zod';
import { count, doc, line, part } from '../training/doc.ts';

export const captionLines = ['join', 'first', 'random'] as const;

export const captionOptionsSchema = z.strictObject({
  keep_separator: part(
    line(10).default(''),
    'What parts a caption: tags before it stay in front, tags behind a second one stay at the end, whatever is shuffled or dropped; in place of keep_tags where it stands. Empty: none; usual is "|||".',
  ),
  group_separator: part(
    line(10).default(''),
    'What holds tags together: they are shuffled and dropped as one, and read with commas. Empty: none; usual is ";;;".',
  ),
  protected: part(
    z.array(line(200).min(1)).max(1000).default([]),
    'Tags that are never dropped; they are shuffled like others.',
  ),
  wildcards: part(z.boolean().default(false), 'Draw one of {red|blue|green} at each use; {{ and }} are braces.'),
  lines: part(
    z.enum(captionLines).default('join'),
    'What lines of a caption file are: join (one caption), first (only that one is read), random (one of them is drawn at each use).',
  ),
  dropout_every_epochs: part(
    count(0, 10_000).default(0),
    'Leave out all captions in every such epoch: with 3 in the third, sixth and so on; 0: never.',
  ),
});
export type CaptionOptions = z.output<typeof captionOptionsSchema>;

export const captionOptionKeys = {
  caption_options: doc(
    captionOptionsSchema.nullable().default(null),
    'Marks in captions that mean something, in the order of sd-scripts; null: captions are read as they are written.',
    'For captions made for sd-scripts, or with several forms: {keep_separator: "|||", lines: random}.',
  ),
};
