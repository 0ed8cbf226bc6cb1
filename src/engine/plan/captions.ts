/** How a caption is put together, and how long it may get. Pure. */

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

/** Sentences have few commas for their words. */
export function looksLikeTags(caption: string): boolean {
  const tags = tagsOf(caption);
  const words = caption.split(/\s+/u).length;
  return tags.length >= 3 && words / tags.length <= 4;
}

/**
 * CLIP tokens of a text, about: the words and marks that CLIP's own pattern makes, long words counted as several. It
 * only picks the number of 75-token chunks; the trainer's tokenizer counts exactly.
 */
export function estimateTokens(text: string): number {
  const pieces = text.toLowerCase().match(/'(?:s|t|re|ve|m|ll|d)|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+/gu) ?? [];
  return pieces.reduce((sum, piece) => {
    // Outside of Latin letters CLIP falls back to about a token per letter.
    const bytes = Buffer.byteLength(piece);
    return sum + (bytes > piece.length ? piece.length : Math.ceil(piece.length / 9));
  }, 0);
}
