/** Scores of a tagger become the text of a caption: by thresholds and order, so that a threshold costs no model. Pure. */
import type { RunSpec } from '../../spec/schema.ts';

/** `[name, category, probability]` as the tagger gives them, the most probable first. */
export type ScoredTag = readonly [string, string, number];

export type CaptionSettings = RunSpec['captions'];
export type TagRules = Pick<CaptionSettings, 'threshold' | 'character_threshold' | 'ratings' | 'exclude'>;

/** Faces made of signs, whose underscores are no spaces. The list is the one that the authors of the taggers keep. */
const FACES = new Set(
  '0_0 (o)_(o) +_+ +_- ._. <o>_<o> <|>_<|> =_= >_< 3_3 6_9 >_o @_@ ^_^ o_o u_u x_x |_| ||_||'.split(' '),
);

/** A tag as it is trained on: spaces for underscores, but in faces and names of up to three characters. */
export const cleanTag = (name: string): string =>
  FACES.has(name) || name.length <= 3 ? name : name.replaceAll('_', ' ').trim();

/** A tag in the form in which two spellings of it are equal. */
const plain = (name: string): string => name.toLowerCase().replaceAll('_', ' ').trim();

/**
 * The caption: names of characters first, then general tags, each kind by probability, a rating last. Empty when no tag
 * is probable enough. Commas inside a tag are left out, because they would split it.
 */
export function composeTags(tags: readonly ScoredTag[], rules: TagRules): string {
  const excluded = new Set(rules.exclude.map(plain));
  const of = (wanted: (category: string) => boolean, least: number) =>
    tags.filter(
      ([name, category, score]) =>
        wanted(category) && score >= least && !excluded.has(plain(name)) && !excluded.has(plain(cleanTag(name))),
    );
  const characters = of((category) => category === 'character', rules.character_threshold);
  const general = of((category) => category !== 'character' && category !== 'rating', rules.threshold);
  const [rating] = rules.ratings === 'none' ? [] : of((category) => category === 'rating', 0);
  const names = [...characters, ...general].map(([name]) => cleanTag(name));
  if (rating !== undefined) names.push(ratingTag(rating[0], rules.ratings));
  return names.map((name) => name.replaceAll(',', '')).join(', ');
}

/** Pony was taught three ratings and Danbooru has four: what Danbooru calls sensitive counts as safe there. */
function ratingTag(name: string, form: TagRules['ratings']): string {
  if (form !== 'pony') return name;
  return `rating_${name === 'general' || name === 'sensitive' ? 'safe' : name}`;
}

/** Tags and a sentence as one caption. Either may be undefined or empty. */
export function joinCaption(tags: string | undefined, sentence: string | undefined): string {
  return [tags, sentence].filter((part) => part !== undefined && part !== '').join(', ');
}
