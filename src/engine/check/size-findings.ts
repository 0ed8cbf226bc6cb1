/** What the sizes of a data set's images mean for training, and how its folders are balanced. Pure. */
import { plural } from '../../base/text.ts';
import type { CheckImage, DatasetFinding } from './finding.ts';

/** An image that is enlarged by more than this factor teaches blur. The plan warns from the same factor on. */
const MOST_ENLARGED = 1.5;
/** Least share of an image that the crop may leave without a word about it. */
const LEAST_KEPT = 0.8;
/** Folders whose uses in an epoch differ by more than this factor are not balanced. */
const MOST_UNEVEN = 10;

/** By how much an image is enlarged to cover its bucket; below 1 it is reduced. */
export const enlargement = ({ size, bucket }: Pick<CheckImage, 'size' | 'bucket'>): number =>
  Math.max(bucket[0] / size[0], bucket[1] / size[1]);

/** The part of an image that the crop keeps, as shares of width and height. */
export function keptPart({ size, bucket }: Pick<CheckImage, 'size' | 'bucket'>): readonly [number, number] {
  const scale = enlargement({ size, bucket });
  return [Math.min(1, bucket[0] / (size[0] * scale)), Math.min(1, bucket[1] / (size[1] * scale))];
}

export function sizeFindings(images: readonly CheckImage[]): readonly DatasetFinding[] {
  const enlarged = images.filter((image) => enlargement(image) > MOST_ENLARGED);
  const cropped = images.filter((image) => kept(image) < LEAST_KEPT);
  return [
    ...(enlarged.length === 0
      ? []
      : [
          {
            kind: 'enlarged' as const,
            level: 'warn' as const,
            what: `${plural(enlarged.length, 'picture')} much smaller than the bucket.`,
            done: 'They are enlarged, which teaches blur.',
            change: 'Use larger files, or set dataset.no_upscale or a smaller dataset.resolution.',
            items: enlarged.map((image) => ({
              path: image.path,
              detail: `is ${image.size.join('×')}, enlarged ${enlargement(image).toFixed(1)} times to ${image.bucket.join('×')}`,
            })),
          },
        ]),
    ...(cropped.length === 0
      ? []
      : [
          {
            kind: 'cropped' as const,
            level: 'info' as const,
            what: `${plural(cropped.length, 'picture')} of which the crop cuts away more than a fifth.`,
            done: 'The middle is trained on, or with dataset.crop: random another part each time.',
            change: 'Cut out by hand what matters; --html shows the crop of each picture.',
            items: cropped.map((image) => ({ path: image.path, detail: cutWords(image) })),
          },
        ]),
    ...balance(images),
  ];
}

const kept = (image: CheckImage) => keptPart(image)[0] * keptPart(image)[1];

function cutWords(image: CheckImage): string {
  const [wide, high] = keptPart(image);
  const cut = wide < high ? `left and right, ${percent(1 - wide)}` : `top and bottom, ${percent(1 - high)}`;
  return `is ${image.size.join('×')}: ${cut} of it, is cut away for ${image.bucket.join('×')}`;
}

function balance(images: readonly CheckImage[]): readonly DatasetFinding[] {
  const uses = new Map<string, { images: number; uses: number }>();
  for (const { path, uses: count } of images) {
    const folder = path.slice(0, path.lastIndexOf('/') + 1);
    const known = uses.get(folder) ?? { images: 0, uses: 0 };
    uses.set(folder, { images: known.images + 1, uses: known.uses + count });
  }
  const counts = [...uses.values()].map((one) => one.uses);
  if (uses.size < 2 || Math.max(...counts) <= MOST_UNEVEN * Math.min(...counts)) return [];
  return [
    {
      kind: 'unbalanced',
      level: 'warn',
      what: `One folder is used more than ${MOST_UNEVEN} times as often as another.`,
      done: 'They are used as they are: the larger one counts more.',
      change: 'Give the smaller one more repeats (a name such as 10_fox).',
      items: [...uses].map(([folder, one]) => ({
        path: folder === '' ? './' : folder,
        detail: `${plural(one.images, 'picture')}, ${plural(one.uses, 'use')} in an epoch`,
      })),
    },
  ];
}

const percent = (share: number) => `${Math.round(share * 100)} %`;
