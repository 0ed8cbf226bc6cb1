/**
 * Statistics about the tags of a data set: how often each occurs, which are rare or misspelt, and which the trigger
 * should absorb. Pure.
 */
import { tagKey } from './caption-rules.ts';
import { looksLikeTags, tagsOf } from './captions.ts';

export interface TagCount {
  /** The most frequent spelling. */
  readonly tag: string;
  /** Number of images with the tag. */
  readonly images: number;
  /** Share of the captioned images, from 0 to 1. */
  readonly share: number;
}

export interface TagTable {
  readonly captions: number;
  /** The most frequent first, equal ones by name. */
  readonly tags: readonly TagCount[];
  /** Tags that only one image has. */
  readonly rare: readonly string[];
  /** A rare tag, with the frequent tag that was likely meant. */
  readonly near: readonly { readonly tag: string; readonly likely: string }[];
  /** Tags of at least the share `PRUNE_SHARE` of the images, which the trigger should absorb. */
  readonly common: readonly string[];
  /** Tags by what they describe: hair, eyes, clothes … */
  readonly groups: Readonly<Record<string, readonly string[]>>;
  /** Number of captions that are sentences, which have no tags to count. */
  readonly sentences: number;
}

/** From this share of the images on, a tag describes what they have in common. */
export const PRUNE_SHARE = 0.8;
/**
 * Most rare tags that are compared with frequent ones, and the fewest letters of such a tag: short tags are too
 * similar to each other.
 */
const MOST_RARE = 2000;
const LEAST_LETTERS = 5;

const GROUPS: Readonly<Record<string, RegExp>> = {
  hair: /\b(hair|ponytail|twintails|braid|bangs|bun|ahoge)\b/u,
  eyes: /\b(eyes?|pupils?|heterochromia)\b/u,
  clothes:
    /\b(dress|shirt|skirt|pants|shorts|jacket|coat|uniform|swimsuit|bikini|socks|shoes|boots|gloves|hat|hood|sleeves|thighhighs|necktie|ribbon)\b/u,
  background: /\b(background|indoors|outdoors|sky|forest|city|beach|room|scenery)\b/u,
  framing: /\b(portrait|upper body|full body|cowboy shot|close-up|from (above|below|side|behind)|looking at viewer)\b/u,
};

export function tagTable(captions: readonly string[]): TagTable {
  const spellings = new Map<string, Map<string, number>>();
  let sentences = 0;
  for (const caption of captions) {
    if (!looksLikeTags(caption) && /[.!?]$|\s\S+\s\S+\s\S+\s\S+\s/u.test(caption)) sentences += 1;
    const ofThis = new Map(tagsOf(caption).map((tag) => [tagKey(tag), tag]));
    for (const [key, tag] of ofThis) {
      const forms = spellings.get(key) ?? new Map<string, number>();
      spellings.set(key, forms.set(tag, (forms.get(tag) ?? 0) + 1));
    }
  }
  const counted = [...spellings.values()].map((forms): TagCount => {
    const images = [...forms.values()].reduce((sum, n) => sum + n, 0);
    const [tag = ''] = [...forms].toSorted((a, b) => b[1] - a[1])[0] ?? [];
    return { tag, images, share: images / captions.length };
  });
  const tags = counted.toSorted((a, b) => b.images - a.images || (a.tag < b.tag ? -1 : 1));
  const rare = tags.filter(({ images }) => images === 1).map(({ tag }) => tag);
  return {
    captions: captions.length,
    tags,
    rare: captions.length > 1 ? rare : [],
    near: nearSpellings(tags),
    common: captions.length < 3 ? [] : tags.filter(({ share }) => share >= PRUNE_SHARE).map(({ tag }) => tag),
    groups: grouped(tags),
    sentences,
  };
}

/** Rare tags that are one edit away from a tag that occurs at least three times as often. */
function nearSpellings(tags: readonly TagCount[]): TagTable['near'] {
  const rare = tags.filter(({ images, tag }) => images <= 2 && tag.length >= LEAST_LETTERS).slice(0, MOST_RARE);
  const frequent = tags.filter(({ images }) => images >= 3);
  return rare.flatMap(({ tag, images }) => {
    const key = tagKey(tag);
    const likely = frequent.find((other) => other.images >= 3 * images && isOneEditAway(key, tagKey(other.tag)));
    // Digits distinguish tags: 1girl is not a misspelt 2girls.
    return likely === undefined || /\d/u.test(tag) ? [] : [{ tag, likely: likely.tag }];
  });
}

/**
 * Whether the two texts differ by one letter that was added, removed or replaced, or by two neighbours that were
 * swapped.
 */
export function isOneEditAway(a: string, b: string): boolean {
  if (a === b || Math.abs(a.length - b.length) > 1) return false;
  let from = 0;
  while (from < a.length && a[from] === b[from]) from += 1;
  let [endA, endB] = [a.length, b.length];
  while (endA > from && endB > from && a[endA - 1] === b[endB - 1]) {
    endA -= 1;
    endB -= 1;
  }
  const [left, right] = [a.slice(from, endA), b.slice(from, endB)];
  if (left.length <= 1 && right.length <= 1) return true;
  return left.length === 2 && right.length === 2 && left[0] === right[1] && left[1] === right[0];
}

function grouped(tags: readonly TagCount[]): TagTable['groups'] {
  const found = Object.entries(GROUPS).map(([name, pattern]) => [
    name,
    tags.filter(({ tag }) => pattern.test(tagKey(tag))).map(({ tag }) => tag),
  ]);
  return Object.fromEntries(found.filter(([, names]) => (names?.length ?? 0) > 0));
}
