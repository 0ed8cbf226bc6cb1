/** The section `dataset` of run.yaml: the images, and how they and their captions are used. */
import { z } from 'zod';
import { augmentKeys } from '../training/augment-keys.ts';
import { count, doc, line, share } from '../training/doc.ts';
import { subjectKeys } from '../training/subject-keys.ts';
import { captionOptionKeys } from './caption-options.ts';
import { captionSources, goals } from './choices.ts';
import { resolutionSchema, resolutionUses } from './resolution.ts';
import { sourceKeys } from './sources.ts';

export const datasetSchema = z.strictObject({
  path: doc(
    line(4096).min(1),
    'Folder with the pictures; relative to this file. Sub-folders count too. Nothing in it is ever changed. Also a zip, tar or parquet file, or hf:owner/name of the Hugging Face hub.',
    'Point it at another folder to train on other pictures.',
  ),
  include: doc(
    z.array(line(4096).min(1)).max(100).default([]),
    'Folders or files, by name or path inside, that are used although they look like masks, regularisation images or samples.',
    'When what is passed over is the subject after all.',
  ),
  ...sourceKeys,
  goal: doc(
    z.enum(goals).default('concept'),
    'What the pictures teach: a character or thing, a style, or a concept (a pose, a kind of place).',
    'It picks the recipe: a style wants more steps and less weight on the subject.',
  ),
  trigger: doc(
    line(200).default(''),
    'Word that calls the LoRA in a prompt; put in front of every caption that does not hold it. Empty: none.',
    'Use a word the base model does not know, so that nothing else is overwritten.',
  ),
  caption_extension: doc(
    line(32)
      .regex(/^\.[A-Za-z0-9._-]+$/, 'must look like .txt')
      .default('.txt'),
    'Ending of the caption file beside each picture.',
    'sd-scripts data sets often use .caption.',
  ),
  caption_from: doc(
    z.array(z.enum(captionSources)).max(captionSources.length).default([]),
    'Where else the caption of a picture is looked for that has no caption file, in this order: image (the prompt or description inside the file: A1111 parameters, XMP, EXIF), file_name, folder (the name of its sub-folder, of its source, or of a folder such as 10_fox).',
    'For generated pictures, described photos, and files named for what they show: [image, file_name].',
  ),
  caption_prefix: doc(
    line(2000).default(''),
    'Text put before every caption, after the trigger.',
    'Quality tags a base model wants.',
  ),
  caption_suffix: doc(line(2000).default(''), 'Text put after every caption.', 'A style all pictures share.'),
  default_caption: doc(
    line(2000).default(''),
    'Caption of pictures that have none.',
    'With an empty one they are trained on the trigger alone.',
  ),
  shuffle_tags: doc(
    z.boolean(),
    'Shuffle the comma-separated tags of a caption at each use, behind the trigger.',
    'Helps with booru tags; harms sentences.',
  ),
  keep_tags: doc(
    count(0, 100).default(1),
    'How many tags at the front stay in place when tags are shuffled or dropped; the trigger always does.',
    'Keep more than the trigger in front.',
    'tags',
  ),
  caption_dropout: doc(
    share().default(0),
    'Share of uses with an empty caption.',
    'A little (0.05) keeps guidance working on long runs.',
  ),
  tag_dropout: doc(
    share().default(0),
    'Share of tags left out at each use, never of the trigger.',
    'Makes single tags matter less.',
  ),
  ...captionOptionKeys,
  repeats: doc(
    count(1, 10_000).default(1),
    'How often each picture is used in an epoch.',
    'Only changes what one epoch means; steps decide the length.',
    'times',
  ),
  resolution: doc(
    resolutionSchema,
    'Training size: the side of the square whose area every bucket has. With a list, every epoch uses each picture at each size that is not larger than the picture (at the smallest in any case).',
    'Use the size the base model was made for; [1024, 768] also keeps a LoRA good at smaller sizes, and takes an epoch twice as long.',
    'px',
  ),
  resolution_use: doc(
    z.enum(resolutionUses).default('each'),
    'With several resolutions: each uses a picture at each of its sizes in an epoch; draw uses it at one of them, which is drawn anew, evenly over the pictures.',
    'draw, for an epoch that takes no longer than with one size.',
  ),
  buckets: doc(
    z.boolean().default(true),
    'Keep the shape of each picture (aspect-ratio buckets) instead of cropping to a square.',
    'Off: everything is cropped to a square.',
  ),
  bucket_step: doc(
    count(8, 256).multipleOf(8),
    'Sides of buckets are multiples of this.',
    'Smaller steps crop less and make more shapes.',
    'px',
  ),
  bucket_min: doc(count(64, 4096), 'Shortest side of a bucket.', 'Raise it to avoid extreme shapes.', 'px'),
  bucket_max: doc(count(64, 8192), 'Longest side of a bucket.', 'Lower it to save memory on panoramas.', 'px'),
  no_upscale: doc(
    z.boolean().default(false),
    'Never enlarge a small picture; its bucket is smaller instead.',
    'On when blown-up pictures would teach blur.',
  ),
  crop: doc(
    z.enum(['center', 'random']).default('center'),
    'Which part is kept when a picture does not fill its bucket.',
    'random shows more of the edges over many epochs.',
  ),
  flip: doc(
    z.boolean().default(false),
    'Mirror half of the uses.',
    'Doubles small data sets; wrong for text, logos and asymmetric subjects.',
  ),
  alpha_color: doc(
    z
      .string()
      .regex(/^#[0-9a-fA-F]{6}$/, 'must look like #ffffff')
      .default('#ffffff'),
    'Colour behind transparent pictures.',
    'Pick one your subject does not have.',
  ),
  ...augmentKeys,
  ...subjectKeys,
  validation_share: doc(
    z.number().min(0).max(0.5),
    'Share of pictures kept out of training to measure the loss on.',
    'With very few pictures, 0 keeps all of them for training.',
  ),
});
