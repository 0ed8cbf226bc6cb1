/** Keys about the subject of the images: masks, regularisation images, and what the base model must not forget. */
import { z } from 'zod';
import { count, doc, line, part, share } from './doc.ts';

/**
 * What `dataset mask` can find by models of their own. Every found region is learned, except `text`, which is left out of
 * training. Any other words are a prompt, and the region that they name is learned.
 */
const maskFinds = ['background', 'character', 'faces', 'text'] as const;
/** One of `maskFinds`, or a prompt. */
export type MaskFind = string;
export type KnownFind = (typeof maskFinds)[number];
export const isKnownFind = (find: MaskFind): find is KnownFind => (maskFinds as readonly string[]).includes(find);
/** Most words of `find`. */
const MOST_FINDS = 8;

/** Whether `dataset.masks.from` is a folder and not one of the words for other sources of masks. */
export const isMaskFolder = (from: string): boolean => !['auto', 'alpha', 'made'].includes(from);

/** Which part of each image is learned. */
export const masksSchema = z.strictObject({
  from: part(
    line(4096).min(1).default('auto'),
    'Where the masks are: auto (fox-masklabel.png, fox.mask.png or mask/fox.png beside fox.png), alpha (the transparency of the pictures), made (what `visiontrain dataset mask` found), or a folder with files of the same names.',
  ),
  find: part(
    z.array(line(200).regex(/\S/u, 'must have a letter')).min(1).max(MOST_FINDS).default(['background']),
    'What made masks are about: background (the subject before it), character (a drawn one), faces (drawn ones), and text, which is left out. Any other words are a prompt, such as "the hat": what they name is learned. Several narrow the mask down.',
  ),
  outside: part(share().default(0.1), 'How much the part outside of the mask counts; inside is 1.'),
  normalise: part(z.boolean().default(true), 'Divide by the size of the mask, so that a small one counts as much.'),
  unmasked_share: part(share().default(0), 'Share of uses without the mask.'),
  focus: part(
    z.boolean().default(false),
    'Move the crop of a picture so that it keeps what the mask shows: a face or a subject at the edge is not cut off. With outside: 1 all of the picture is learned, and the mask only guides the crop.',
  ),
});

export const regularisationSchema = z.strictObject({
  path: part(
    line(4096).min(1).nullable().default(null),
    'Folder with regularisation pictures; relative to this file. null: none but what prompts make.',
  ),
  prompts: part(
    z.array(line(2000).min(1)).max(1000).default([]),
    'Prompts that the base itself draws such pictures from before the training, in turn; they are kept by content, and also caption them.',
  ),
  count: part(count(1, 10_000).default(100), 'How many pictures the prompts make.'),
  weight: part(z.number().min(0).max(100).default(1), 'How much the loss of such a picture counts.'),
  class_word: part(line(200).default(''), 'Caption of those that have none, such as woman.'),
});

export const subjectKeys = {
  masks: doc(
    masksSchema.nullable().default(null),
    'Masks: white is learned, black is not; null is off.',
    'When the background, a watermark or other people must not be learned: {from: auto}.',
  ),
  regularisation: doc(
    regularisationSchema.nullable().default(null),
    'Pictures of the class that the subject belongs to, without the trigger; null is off.',
    'So that "woman" does not become the one you train: {path: ./women, class_word: woman}, or without pictures of your own {prompts: [a photo of a woman], count: 100}.',
  ),
};

/** Prior preservation: images of the class must stay as the base model makes them. */
export const preservationSchema = z.strictObject({
  class_word: part(
    line(200).default(''),
    'Word that stands in place of the trigger, such as woman; empty for no words at all.',
  ),
  weight: part(z.number().positive().max(100).default(1), 'How much it counts beside the loss on the pictures.'),
});

export const preservationKeys = {
  preservation: doc(
    preservationSchema.nullable().default(null),
    'Keep what the base model predicts where the class stands in place of the trigger; null is off.',
    'Regularisation without pictures, at about twice the time for a step: {class_word: woman}.',
  ),
};
