/** Findings about the sizes of a data set's images, and the balance of its folders. Pure. */
import { inNumber, plural } from '../../base/text.ts';
import type { Crop, Crops } from './crops.ts';
import type { CheckImage, DatasetFinding } from './finding.ts';

/**
 * Largest enlargement without a finding. An image that is enlarged more teaches blur. The plan warns from the same
 * factor on.
 */
const MOST_ENLARGED = 1.5;
/** Least share of an image that the crop may leave without a finding. */
const LEAST_KEPT = 0.8;
/** If uses of folders in an epoch differ by more than this factor, the folders are not balanced. */
const MOST_UNEVEN = 10;

/** Factor by which an image is enlarged to cover its bucket; below 1 it is reduced. */
export const enlargement = ({ size, bucket }: Pick<CheckImage, 'size' | 'bucket'>): number =>
  Math.max(bucket[0] / size[0], bucket[1] / size[1]);

/** The part of an image that the crop keeps, as shares of width and height. */
export function keptPart({ size, bucket }: Pick<CheckImage, 'size' | 'bucket'>): readonly [number, number] {
  const scale = enlargement({ size, bucket });
  return [Math.min(1, bucket[0] / (size[0] * scale)), Math.min(1, bucket[1] / (size[1] * scale))];
}

interface Placed {
  readonly crops: Crops;
  /** Whether crops are moved for what masks show. */
  readonly focus: boolean;
}

const UNPLACED: Placed = { crops: new Map(), focus: false };

export function sizeFindings(images: readonly CheckImage[], placed = UNPLACED): readonly DatasetFinding[] {
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
            done: `${inNumber(enlarged.length, 'It is', 'They are')} enlarged, which teaches blur.`,
            change: `Use ${inNumber(enlarged.length, 'a larger file', 'larger files')}, or set dataset.no_upscale or a smaller dataset.resolution.`,
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
            done: placed.focus
              ? 'What the mask shows is kept; without a mask the middle is.'
              : 'The middle is trained on, or with dataset.crop: random another part each time.',
            change:
              'Cut out by hand what matters, or let a mask say it (dataset.masks, focus: true); --html shows each crop.',
            items: cropped.map((image) => ({
              path: image.path,
              detail: cutWords(image, placed.crops.get(image.path)),
            })),
          },
        ]),
    ...cutMasks(images, placed),
    ...balance(images),
  ];
}

const kept = (image: CheckImage) => keptPart(image)[0] * keptPart(image)[1];

/** Least share of what a mask shows that is a loss when it is cut away. */
const LEAST_LOST = 0.1;

function cutMasks(images: readonly CheckImage[], { crops, focus }: Placed): readonly DatasetFinding[] {
  const cut = images.flatMap(({ path }) => {
    const lost = crops.get(path)?.lost ?? 0;
    return lost < LEAST_LOST ? [] : [{ path, detail: `loses ${percent(lost)} of what its mask shows` }];
  });
  if (cut.length === 0) return [];
  return [
    {
      kind: 'cut-mask',
      level: focus ? 'info' : 'warn',
      what: `${plural(cut.length, 'picture')} of whose mask the crop cuts away more than a tenth.`,
      done: focus ? 'The crop keeps as much of it as fits in.' : 'The middle is trained on, whatever the mask shows.',
      change: focus ? 'Cut out by hand what matters.' : 'Set focus: true in dataset.masks: the crop follows the mask.',
      items: cut,
    },
  ];
}

function cutWords(image: CheckImage, crop: Crop | undefined): string {
  const [wide, high] = keptPart(image);
  const cut =
    wide < high
      ? sidesOf('left', 'right', { kept: wide, start: crop?.left })
      : sidesOf('top', 'bottom', { kept: high, start: crop?.top });
  return `is ${image.size.join('×')}: ${cut} of it, is cut away for ${image.bucket.join('×')}`;
}

/** Which sides a crop cuts off, and how much of the image that is. */
function sidesOf(first: string, last: string, { kept, start }: { kept: number; start: number | undefined }): string {
  const [before, after] = [start ?? (1 - kept) / 2, 1 - kept - (start ?? (1 - kept) / 2)];
  if (Math.abs(before - after) < 0.01) return `${first} and ${last}, ${percent(1 - kept)}`;
  const named = [[first, before] as const, [last, after] as const].filter(([, cut]) => cut >= 0.005);
  return named.map(([side, cut]) => `${side}, ${percent(cut)}`).join(', and ');
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
