/** Findings about tags, in captions and from a tagger: writing, characters, outfits. Pure. */
import { inNumber, plural } from '../../base/text.ts';
import type { ScoredTag } from '../captions/compose.ts';
import { cleanTag } from '../dataset/words/booru.ts';
import { tagKey } from '../plan/caption-rules.ts';
import { looksLikeTags, tagsOf } from '../plan/captions.ts';
import type { CheckImage, DatasetFinding } from './finding.ts';

/** A tagger's results for an image by its SHA-256; empty when no tagger has examined it. */
export type Tagged = (sha256: string) => readonly ScoredTag[];

/** Tags for writing over an image, as on Danbooru, and words for it in sentences. */
const WRITING =
  /^(?:watermark|sample watermark|signature|artist name|artist logo|logo|web address|[a-z]+ username|username|dated|copyright notice|stock photo|text|[a-z]+ text|subtitled|timestamp|speech bubble|sound effects)$/u;
const WRITING_WORDS = /\b(?:watermark(?:s|ed)?|signature|web address|copyright notice|subtitles?)\b/iu;
/** Probability from which on a tagger's result counts for writing, and (below) for a known character. */
const LEAST_WRITING = 0.5;
const LEAST_CHARACTER = 0.85;
const CLOTHES =
  /\b(?:dress|shirt|skirt|pants|shorts|jacket|coat|uniform|swimsuit|bikini|armor|kimono|sweater|hoodie|suit|cape|hat|apron)\b/u;
/** Names whose numbers of images differ by more than this factor are not balanced. */
const MOST_UNEVEN = 10;
/** Most names in a sentence. */
const MOST_LISTED = 6;

export function tagFindings(images: readonly CheckImage[], tagged: Tagged): readonly DatasetFinding[] {
  const trained = images.filter(({ held }) => held !== true);
  return [...writing(images, tagged), ...characters(trained, tagged), ...outfits(trained)];
}

const ownTags = ({ own }: CheckImage): readonly string[] =>
  own === null || !looksLikeTags(own) ? [] : tagsOf(own).map(tagKey);

function writing(images: readonly CheckImage[], tagged: Tagged): DatasetFinding[] {
  let unnamed = 0;
  const items = images.flatMap((image) => {
    const writing = ownTags(image).filter((tag) => WRITING.test(tag));
    const words =
      writing.length > 0 ? writing : [WRITING_WORDS.exec(image.own ?? '')?.[0] ?? ''].filter((word) => word !== '');
    const seen = tagged(image.sha256).filter(
      ([name, , score]) => score >= LEAST_WRITING && WRITING.test(tagKey(cleanTag(name))),
    );
    if (words.length > 0) return [{ path: image.path, detail: `has ${words.join(', ')}, as its caption says` }];
    if (seen.length === 0) return [];
    unnamed += 1;
    const names = seen.map(([name, , score]) => `${cleanTag(name)} (${score.toFixed(2)})`);
    return [{ path: image.path, detail: `has ${names.join(', ')}, says the tagger, and the caption does not` }];
  });
  if (items.length === 0) return [];
  return [
    {
      kind: 'writing',
      level: unnamed > 0 ? 'warn' : 'info',
      what: `${plural(items.length, 'picture')} with writing: watermarks, signatures, text.`,
      done: 'It is learned: as these words where the caption says them, else as part of the subject.',
      change:
        'visiontrain dataset mask DIR --find text, and dataset.masks: {from: made, find: [text]} leave it out; or cut it off; or name it in the caption.',
      items,
    },
  ];
}

/** How many images have each name, the most first. */
function counted(names: readonly (readonly string[])[]): readonly (readonly [string, number])[] {
  const counts = new Map<string, number>();
  for (const name of names.flatMap((of) => [...new Set(of)])) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].toSorted((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
}

const listed = (counts: readonly (readonly [string, number])[]): string =>
  `${counts
    .slice(0, MOST_LISTED)
    .map(([name, count]) => `${name} (${count})`)
    .join(', ')}${counts.length > MOST_LISTED ? ` and ${counts.length - MOST_LISTED} more` : ''}`;

/** Images whose names are all rare compared with the most frequent one. */
function rareOf(
  images: readonly CheckImage[],
  names: readonly (readonly string[])[],
  counts: readonly (readonly [string, number])[],
) {
  const most = counts[0]?.[1] ?? 0;
  const rare = new Map(counts.filter(([, count]) => count * MOST_UNEVEN < most));
  return images.flatMap(({ path }, i) => {
    const mine = (names[i] ?? []).filter((name) => rare.has(name));
    return mine.length === 0 || mine.length < (names[i]?.length ?? 0)
      ? []
      : [{ path, detail: `has ${mine.join(', ')}, which few pictures have` }];
  });
}

const BALANCE = 'More pictures of the rare ones, or a source with a weight for them: dataset.sources.';

function characters(images: readonly CheckImage[], tagged: Tagged): DatasetFinding[] {
  const scores = images.map(({ sha256 }) => tagged(sha256).filter(([, category]) => category === 'character'));
  const known = new Set(
    scores.flatMap((each) =>
      each.flatMap(([name, , score]) => (score >= LEAST_CHARACTER ? [tagKey(cleanTag(name))] : [])),
    ),
  );
  if (known.size === 0) return [];
  const names = images.map((image, i) => {
    const own = ownTags(image).filter((tag) => known.has(tag));
    if (own.length > 0) return own;
    return (scores[i] ?? []).flatMap(([name, , score]) => (score >= LEAST_CHARACTER ? [tagKey(cleanTag(name))] : []));
  });
  const counts = counted(names);
  const items = rareOf(images, names, counts);
  return [
    {
      kind: 'characters',
      level: items.length > 0 ? 'warn' : 'info',
      what: `${plural(counts.length, 'known character')} by tag: ${listed(counts)}.`,
      done: inNumber(
        counts.length,
        'It is learned as often as it is shown. The base model may know it by this name.',
        'Each is learned as often as it is shown. The base model may know them by these names.',
      ),
      change:
        counts.length > 1
          ? BALANCE
          : 'captions.exclude or captions.remove keep the name out of captions, for a character of your own.',
      items,
    },
  ];
}

function outfits(images: readonly CheckImage[]): DatasetFinding[] {
  const names = images.map((image) => ownTags(image).filter((tag) => CLOTHES.test(tag)));
  const counts = counted(names);
  if (counts.length < 2 || (counts[0]?.[1] ?? 0) < 3) return [];
  const items = rareOf(images, names, counts);
  return [
    {
      kind: 'outfits',
      level: 'info',
      what: `Clothes by tag: ${listed(counts)}.`,
      done: 'Clothes that most pictures have go with the trigger, unless captions name them.',
      change: BALANCE,
      items,
    },
  ];
}
