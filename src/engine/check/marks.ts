/**
 * Marks at the same place of many images, such as watermarks: asked for once for the same images, and kept. The program
 * compares the thumbnails that it made (`trainer/visiontrain_trainer/inspection/marks.py`).
 */
import { z } from 'zod';
import { plural } from '../../base/text.ts';
import type { CheckImage, DatasetFinding } from './finding.ts';
import { keepAnswer, readAnswer } from './kept.ts';

/** A mark: the place, such as "bottom right", and the SHA-256 of the images that have it. */
export const markSchema = z.object({
  place: z.enum(['top left', 'top', 'top right', 'middle', 'bottom left', 'bottom', 'bottom right']),
  images: z.array(z.string().regex(/^[0-9a-f]{64}$/u)),
});
export type Mark = z.infer<typeof markSchema>;

/** With fewer images than this, edges that agree may be chance. */
const LEAST_IMAGES = 8;
/** Most images that are compared: enough to find a mark, and a second or two of computing. */
const MOST_IMAGES = 400;

/** SHA-256 of the images to compare: all, or of many every so-manieth; none where they are too few. */
export function markAsks(hashes: readonly string[]): readonly string[] {
  if (hashes.length < LEAST_IMAGES) return [];
  const sorted = hashes.toSorted();
  const every = Math.max(1, sorted.length / MOST_IMAGES);
  return Array.from({ length: Math.floor(sorted.length / every) }, (_, i) => sorted[Math.floor(i * every)] ?? '');
}

/** Counts up when the program finds marks otherwise. */
const VERSION = 1;

/** The marks of these images as they were kept; undefined when they were not. */
export const readMarks = (dir: string, asks: readonly string[]): readonly Mark[] | undefined =>
  asks.length === 0 ? [] : readAnswer(dir, 'marks', [VERSION, asks], z.array(markSchema));

export const keepMarks = (dir: string, asks: readonly string[], marks: readonly Mark[]): void =>
  keepAnswer(dir, 'marks', [VERSION, asks], marks);

/** @param compared how many images were compared */
export function markFindings(
  images: readonly CheckImage[],
  marks: readonly Mark[],
  compared: number,
): DatasetFinding[] {
  const places = new Map<string, string[]>();
  for (const { place, images: having } of marks)
    for (const sha256 of having) places.set(sha256, [...(places.get(sha256) ?? []), place]);
  const items = images.flatMap(({ path, sha256 }) => {
    const found = places.get(sha256);
    return found === undefined ? [] : [{ path, detail: `has a mark: ${found.join(', ')}` }];
  });
  if (items.length === 0) return [];
  const where = marks.map(({ place }) => place).join(', ');
  const among = compared < images.length ? ` of the ${compared} that were compared` : '';
  return [
    {
      kind: 'same-mark',
      level: 'warn',
      what: `${plural(items.length, 'picture')}${among} with the same lines at the same place (${where}): a watermark, a logo, a date?`,
      done: 'It is trained on, and most likely comes back in what the LoRA draws.',
      change:
        'Crop it off, keep it from being learned (visiontrain dataset mask DIR --find text), or name it in the captions ("watermark").',
      items,
    },
  ];
}
