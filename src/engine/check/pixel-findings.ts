/** Findings about the pixels of a data set. Each limit has its source. Pure. */
import { inNumber, plural } from '../../base/text.ts';
import type { CheckImage, DatasetFinding, FindingItem, FindingKind } from './finding.ts';
import type { Look, Looks } from './looks.ts';
import { type NearDuplicate, nearDuplicates } from './near-duplicates.ts';

/**
 * From this value on an image counts as blurred. On scikit-image's photographs and this program's own drawings,
 * reduced to 1024 pixels, sharp ones have 0.10 to 0.31, soft renderings 0.51, and a Gaussian blur of 3 pixels gives
 * 0.61 to 0.75.
 */
const BLURRED = 0.6;
/** Share of one colour from which on an image counts as empty. A small subject on white leaves about 0.85. */
const EMPTY = 0.98;
/** Least share of a side that a border takes. A thinner one is removed by the crop to a bucket, or is a thin frame. */
const BORDER = 0.02;
/**
 * Below this quality the 8×8 blocks of JPEG show. libjpeg's own documentation calls 50 to 95 the useful range
 * (usage.txt); 75 is its default.
 */
const COMPRESSED = 50;
/** Least share of the height that is filled in: a row of 16 pixels in 1024. */
const FILLED = 0.015;

export function pixelFindings(images: readonly CheckImage[], looks: Looks): readonly DatasetFinding[] {
  // The first one of a group is the one to keep: with a caption rather than without, large rather than small.
  const best = images.toSorted(
    (a, b) => Number(a.own === null) - Number(b.own === null) || b.size[0] * b.size[1] - a.size[0] * a.size[1],
  );
  const seen = seenOf(images, looks);
  return [
    ...copies(seenOf(best, looks)),
    ...each(seen, 'damaged', ({ grey_rest: rest }) =>
      rest >= FILLED ? `is grey in the lowest ${percent(rest)}: its data is damaged there` : undefined,
    ),
    ...each(seen, 'empty', ({ one_colour: share }) => (share >= EMPTY ? `is ${percent(share)} one colour` : undefined)),
    ...each(seen, 'blurred', ({ blur, one_colour: share }) =>
      blur >= BLURRED && share < EMPTY ? `has a blur of ${blur.toFixed(2)}` : undefined,
    ),
    ...each(seen, 'border', ({ borders, one_colour: share }) =>
      share < EMPTY && Math.max(...borders) >= BORDER ? `has a border: ${sides(borders)}` : undefined,
    ),
    ...each(seen, 'compressed', ({ jpeg_quality: quality }) =>
      quality !== null && quality < COMPRESSED ? `was saved with quality ${quality}` : undefined,
    ),
  ];
}

function seenOf(images: readonly CheckImage[], looks: Looks): readonly Seen[] {
  return images.flatMap((image) => {
    const look = looks.get(image.sha256);
    return look === undefined ? [] : [{ image, look }];
  });
}

interface Seen {
  readonly image: CheckImage;
  readonly look: Look;
}

type Words = Pick<DatasetFinding, 'level' | 'done'> & {
  readonly of: (count: string) => string;
  readonly change: (count: number) => string;
};

const WORDS: Readonly<Partial<Record<FindingKind, Words>>> = {
  damaged: {
    level: 'warn',
    of: (count) => `${count} with grey where data is missing.`,
    done: 'The grey is trained on.',
    change: (count) =>
      `Get the whole ${inNumber(count, 'file, or cut the grey part', 'files, or cut the grey parts')} off.`,
  },
  empty: {
    level: 'warn',
    of: (count) => `${count} with next to nothing to see.`,
    done: 'Trained on like the others.',
    change: (count) =>
      inNumber(count, 'Take it out of the folder if it came in by mistake.', 'Take out what came in by mistake.'),
  },
  blurred: {
    level: 'info',
    of: (count) => `${count} without sharp edges.`,
    done: 'Trained on like the others, and teaches blur.',
    change: (count) =>
      `Replace ${inNumber(count, 'it by a sharper one, or write "blurry" into its caption', 'them by sharper ones, or write "blurry" into their captions')}; a soft style is meant to be so.`,
  },
  border: {
    level: 'warn',
    of: (count) => `${count} with a border of one colour.`,
    done: 'The border is trained on where the crop leaves it.',
    change: () => 'Cut it off, or name it in the caption ("border", "letterboxed").',
  },
  compressed: {
    level: 'info',
    of: (count) => `${count} saved with strong JPEG compression.`,
    done: 'The blocks are trained on.',
    change: () => 'Use the original where there is one, or write "jpeg artifacts" into the caption.',
  },
};

function each(
  seen: readonly Seen[],
  kind: FindingKind,
  detailOf: (look: Look) => string | undefined,
): DatasetFinding[] {
  const items = seen.flatMap(({ image, look }): FindingItem[] => {
    const detail = detailOf(look);
    return detail === undefined ? [] : [{ path: image.path, detail }];
  });
  const words = WORDS[kind];
  if (items.length === 0 || words === undefined) return [];
  const { of, change, ...rest } = words;
  return [{ kind, ...rest, what: of(plural(items.length, 'picture')), change: change(items.length), items }];
}

function copies(seen: readonly Seen[]): DatasetFinding[] {
  // Images that are nearly empty look like all other empty ones, so they are not compared.
  const prints = seen.map(({ look }) => (look.one_colour >= EMPTY ? undefined : look));
  const near = nearDuplicates(prints);
  const isHeld = (at: number) => seen[at]?.image.held === true;
  const pairs = [...near];
  return [
    ...repeated(
      pairs.filter(([at, { first }]) => isHeld(at) === isHeld(first)),
      seen,
    ),
    ...leaks(
      pairs.filter(([at, { first }]) => isHeld(at) !== isHeld(first)),
      seen,
    ),
  ];
}

type Pair = readonly [number, NearDuplicate];

function repeated(near: readonly Pair[], seen: readonly Seen[]): DatasetFinding[] {
  if (near.length === 0) return [];
  const items = near.map(([at, { first, bits }]) => ({
    path: seen[at]?.image.path ?? '',
    detail: `is nearly ${seen[first]?.image.path} (${bits} of 64 bits differ)`,
  }));
  const groups = new Set(near.map(([, { first }]) => first)).size;
  return [
    {
      kind: 'near-duplicate',
      level: 'warn',
      what: `${plural(items.length, 'picture')} nearly the same as another (${plural(groups, 'group')}).`,
      done: `${inNumber(items.length, 'Both', 'All')} are trained on, so that what they show counts more than the rest.`,
      change: `Keep the best ${groups === 1 ? 'one' : 'of each group'}, unless the small difference is what matters.`,
      items,
    },
  ];
}

/**
 * Validation images that are nearly the same as a trained one: their loss falls even if nothing general is learned.
 */
function leaks(near: readonly Pair[], seen: readonly Seen[]): DatasetFinding[] {
  const items = near.map(([at, { first, bits }]): FindingItem => {
    const [one, other] = [seen[at]?.image, seen[first]?.image];
    const [held, trained] = one?.held === true ? [one, other] : [other, one];
    return {
      path: held?.path ?? '',
      detail: `is nearly ${trained?.path}, which is trained on (${bits} of 64 bits differ)`,
    };
  });
  if (items.length === 0) return [];
  return [
    {
      kind: 'leak',
      level: 'warn',
      what: `${plural(items.length, 'validation picture')} nearly the same as one that is trained on.`,
      done: `The loss is measured on ${inNumber(items.length, 'it', 'them')} all the same, and looks better than it is.`,
      change: `Put both on one side: take one of ${inNumber(items.length, 'the two', 'each pair')} out, or name other pictures in validation.path.`,
      items,
    },
  ];
}

const percent = (share: number) => `${Math.round(share * 100)} %`;

function sides(borders: Look['borders']): string {
  const names = ['left', 'top', 'right', 'bottom'];
  return borders.flatMap((share, i) => (share >= BORDER ? [`${names[i]} ${percent(share)}`] : [])).join(', ');
}
