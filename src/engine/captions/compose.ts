/**
 * Composes a caption from the scores of a tagger, by thresholds and order, so that changing a threshold needs no
 * model. Pure.
 */
import type { RunSpec } from '../../spec/schema.ts';
import { cleanTag } from '../dataset/words/booru.ts';

/** `[name, category, probability]` as the tagger gives them, the most probable first. */
export type ScoredTag = readonly [string, string, number];

export type CaptionSettings = RunSpec['captions'];
export type TagRules = Pick<CaptionSettings, 'threshold' | 'character_threshold' | 'ratings' | 'exclude'>;

/** A tag in a form in which its spellings are equal. */
const plain = (name: string): string => name.toLowerCase().replaceAll('_', ' ').trim();

/**
 * The caption: names of characters first, then general tags, each kind by probability, a rating last. Empty when no
 * tag is probable enough. Commas inside a tag are left out, because they would split it.
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

/**
 * The rating as a tag. Pony was trained with three ratings and Danbooru has four: Danbooru's `sensitive` counts as
 * safe for Pony.
 */
function ratingTag(name: string, form: TagRules['ratings']): string {
  if (form !== 'pony') return name;
  return `rating_${name === 'general' || name === 'sensitive' ? 'safe' : name}`;
}

/** Tags and a sentence joined to one caption. Either may be undefined or empty. */
export function joinCaption(tags: string | undefined, sentence: string | undefined): string {
  return [tags, sentence].filter((part) => part !== undefined && part !== '').join(', ');
}
