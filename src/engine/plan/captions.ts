/** How a caption is put together, how long it may get, how many there are. Pure. */
import { isDeepStrictEqual } from 'node:util';
import type { Plan } from './schema.ts';

export interface CaptionParts {
  readonly trigger: string;
  readonly prefix: string;
  readonly suffix: string;
  /** Text of pictures without one. */
  readonly fallback: string;
}

/** Trigger, prefix, text and suffix, with commas between; the trigger only where the rest does not say it already. */
export function composeCaption(text: string | null, { trigger, prefix, suffix, fallback }: CaptionParts): string {
  const rest = join([prefix, text ?? fallback, suffix]);
  return says(rest, trigger.trim()) ? rest : join([trigger, rest]);
}

/**
 * The caption with the tags that are the trigger in front, in the caption's own spelling: for captions whose tags are
 * shuffled or dropped, where only what stands in front is safe. A tag that holds the trigger among other words counts as
 * the trigger. The caption says the trigger.
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

/** Whether a caption holds the trigger as whole words. CLIP reads lower case only, so case does not count. */
export function says(caption: string, trigger: string): boolean {
  if (trigger === '') return true;
  const letters = '[\\p{L}\\p{N}_]';
  const escaped = trigger.replaceAll(/[\\^$.*+?()[\]{}|/]/gu, '\\$&');
  return new RegExp(`(?<!${letters})${escaped}(?!${letters})`, 'iu').test(caption);
}

/** No comma is doubled where a part already ends or starts with one. */
function join(parts: readonly string[]): string {
  return parts
    .map((part) => part.replaceAll(/^[\s,]+|[\s,]+$/gu, ''))
    .filter((part) => part !== '')
    .join(', ');
}

/** Tags of a caption, as sd-scripts counts them. */
export const tagsOf = (caption: string): readonly string[] =>
  caption
    .split(',')
    .map((tag) => tag.trim())
    .filter((tag) => tag !== '');

/** How many different captions a run may see at most: tags may be shuffled and dropped anew at each use of a picture. */
export function mostCaptions({ data, training: t }: Plan): number {
  const epochs = Math.ceil((t.steps * t.gradient_accumulation) / t.batches_per_epoch);
  return data.samples.reduce((sum, { caption, repeats, validation }) => {
    const free = Math.max(0, tagsOf(caption).length - data.keep_tags);
    const forms = (data.shuffle_tags ? factorial(free) : 1) * (data.tag_dropout > 0 ? 2 ** free : 1);
    return sum + (validation ? 1 : Math.min(epochs * repeats, forms));
  }, 0);
}

const factorial = (n: number): number => Array.from({ length: n }, (_, i) => i + 1).reduce((all, i) => all * i, 1);

/** Sentences have few commas for their words. */
export function looksLikeTags(caption: string): boolean {
  const tags = tagsOf(caption);
  const words = caption.split(/\s+/u).length;
  return tags.length >= 3 && words / tags.length <= 4;
}

/**
 * CLIP tokens of a text, about, rather too many than too few: it only picks the number of 75-token chunks, so that no
 * caption is cut. Not counted with the model's tokenizer, because the plan must be the same before and after the model
 * is fetched. Measured with CLIP's own vocabulary on English prose: words of up to 8 letters take 1.2 tokens on average,
 * of 9 to 12 letters 1.7, longer ones a quarter of their letters; other scripts about three quarters of their bytes.
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
