/** How captions are composed, how long they may get, and how many there are. Pure. */
import { isDeepStrictEqual } from 'node:util';
import { literally } from '../../base/text.ts';

export interface CaptionParts {
  readonly trigger: string;
  readonly prefix: string;
  readonly suffix: string;
  /** Caption of images that have none of their own. */
  readonly fallback: string;
}

/** Joins trigger, prefix, text and suffix with commas. The trigger is added only when the rest does not contain it. */
export function composeCaption(text: string | null, { trigger, prefix, suffix, fallback }: CaptionParts): string {
  const rest = join([prefix, text ?? fallback, suffix]);
  return says(rest, trigger.trim()) ? rest : join([trigger, rest]);
}

/**
 * Moves the tags with the trigger to the front of a caption, in their own spelling, because shuffling and dropping of
 * tags spares only the front. A tag that holds the trigger among other words counts as the trigger. The caption must
 * contain the trigger.
 */
export function triggerFirst(caption: string, trigger: string): string {
  const wanted = tagsOf(trigger);
  const tags = tagsOf(caption);
  const same = (a: string, b: string) => a.toLowerCase() === b.toLowerCase();
  const own = wanted.map((word) => tags.find((tag) => same(tag, word)));
  if (own.every((tag) => tag !== undefined)) {
    const ordered = [...own, ...tags.filter((tag) => !wanted.some((word) => same(tag, word)))];
    return isDeepStrictEqual(ordered, tags) ? caption : ordered.join(', ');
  }
  const at = tags.findIndex((_, i) => says(tags.slice(i, i + wanted.length).join(', '), wanted.join(', ')));
  if (at <= 0) return caption;
  const end = at + wanted.length;
  return [...tags.slice(at, end), ...tags.slice(0, at), ...tags.slice(end)].join(', ');
}

/** Whether a caption contains the trigger as whole words. Case does not count, because CLIP reads lower case only. */
export function says(caption: string, trigger: string): boolean {
  if (trigger === '') return true;
  const letters = '[\\p{L}\\p{N}_]';
  return new RegExp(`(?<!${letters})${literally(trigger)}(?!${letters})`, 'iu').test(caption);
}

/** Joins parts with commas, but adds none where a part already ends or starts with one. */
function join(parts: readonly string[]): string {
  return parts
    .map((part) => part.replaceAll(/^[\s,]+|[\s,]+$/gu, ''))
    .filter((part) => part !== '')
    .join(', ');
}

/** Tags of a caption, split as in sd-scripts. */
export const tagsOf = (caption: string): readonly string[] =>
  caption
    .split(',')
    .map((tag) => tag.trim())
    .filter((tag) => tag !== '');

/** Whether a caption is a list of tags; sentences have few commas for their number of words. */
export function looksLikeTags(caption: string): boolean {
  const tags = tagsOf(caption);
  const words = caption.split(/\s+/u).length;
  return tags.length >= 3 && words / tags.length <= 4;
}

/**
 * Estimated number of CLIP tokens of a text, rather too high than too low. It only decides the number of 75-token
 * chunks, so that no caption is cut. The model's tokenizer is not used, because the plan must be the same before and
 * after the model is fetched. Measured with CLIP's own vocabulary on English prose: words of up to 8 letters take 1.2
 * tokens on average, words of 9 to 12 letters 1.7, longer ones a quarter of their letters; other scripts take about
 * three quarters of their bytes.
 */
export function estimateTokens(text: string): number {
  const pieces = text.toLowerCase().match(/'(?:s|t|re|ve|m|ll|d)|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+/gu) ?? [];
  return Math.ceil(pieces.reduce((sum, piece) => sum + tokensOf(piece), 0));
}

function tokensOf(piece: string): number {
  const bytes = Buffer.byteLength(piece);
  if (bytes > piece.length) return Math.max(1, 0.75 * bytes);
  if (piece.length < 2) return 1;
  if (piece.length <= 8) return 1.2;
  return piece.length <= 12 ? 1.7 : piece.length / 4;
}
