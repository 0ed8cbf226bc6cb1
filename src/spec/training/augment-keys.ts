/** Keys that vary an image from use to use. */
import { z } from 'zod';
import { count, doc, part, share } from './doc.ts';

export const augmentSchema = z.strictObject({
  variations: part(count(1, 64).default(4), 'How many variations of each picture are made; each is encoded once.'),
  share: part(z.number().positive().max(1).default(1), 'Share of uses that show a variation; the others the picture.'),
  brightness: part(share().default(0), 'Most change of brightness, as a share; 0.1 is usual.'),
  contrast: part(share().default(0), 'Most change of contrast, as a share; 0.1 is usual.'),
  saturation: part(share().default(0), 'Most change of saturation, as a share; 0.1 is usual.'),
  hue: part(z.number().min(0).max(0.5).default(0), 'Most turn of the hue, as a share of a whole turn; 0.02 is usual.'),
  gamma: part(z.number().min(0).max(0.9).default(0), 'Most change of the exponent of brightness; 0.05 is usual.'),
  rotate: part(
    z.number().min(0).max(45).default(0),
    'Most degrees that a picture is turned; its borders are cut off. 5 is usual.',
  ),
  zoom: part(z.number().min(0).max(0.5).default(0), 'Most share of each side that is cut away; 0.1 is usual.'),
});

export const augmentKeys = {
  augment: doc(
    augmentSchema.nullable().default(null),
    'Variations of each picture in colour, angle and nearness, encoded once like the picture itself; masks follow. null is off. With crop: random and flip, each variation has one crop and one mirroring.',
    'For few pictures that all look alike: {rotate: 5, zoom: 0.1}. Colours teach a style wrongly.',
  ),
};
