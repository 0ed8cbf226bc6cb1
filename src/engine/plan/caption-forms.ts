/**
 * The forms that one caption may take when its image is used, if `dataset.caption_options` asks for more than one. The
 * trainer draws one of them at each use (`trainer/visiontrain_trainer/data/caption_options.py`). Pure.
 */
import type { CaptionOptions } from '../../spec/sections/caption-options.ts';
import { type CaptionParts, composeCaption, tagsOf } from './captions.ts';
import type { Plan } from './schema.ts';

/** Separates the lines of a caption in the plan, of which one is drawn at each use. */
const NEWLINE = '\n';

/** A wildcard: `{a|b}` without braces inside. */
const WILDCARD = /\{([^{}]+)\}/gu;
/**
 * Replaces {{ and }} while wildcards are looked for. No caption has these characters, since control characters are
 * removed.
 */
const OPEN = '\u0001';
const CLOSE = '\u0002';

const hidden = (text: string) => text.replaceAll('{{', OPEN).replaceAll('}}', CLOSE);
const shown = (text: string) => text.replaceAll(OPEN, '{').replaceAll(CLOSE, '}');

/** The caption in its plain form: the first line, the first of each choice, no separators. */
export function plainCaption(caption: string, options: CaptionOptions | null): string {
  if (options === null) return caption;
  const [line = ''] = caption.split(NEWLINE);
  return withoutMarks(options.wildcards ? chosen(line, ([first = '']) => first) : line, options);
}

/** The longest form of each line, for counting tokens. */
export function longestForms(caption: string, options: CaptionOptions | null): readonly string[] {
  if (options === null) return [caption];
  const longest = (choices: readonly string[]) => choices.reduce((a, b) => (b.length > a.length ? b : a), '');
  return caption.split(NEWLINE).map((line) => withoutMarks(options.wildcards ? chosen(line, longest) : line, options));
}

/** How many captions the draws of a line and of wildcards can give. */
function formCount(caption: string, options: CaptionOptions | null): number {
  if (options === null) return 1;
  return caption.split(NEWLINE).reduce((sum, line) => {
    const choices = options.wildcards ? [...hidden(line).matchAll(WILDCARD)] : [];
    return sum + choices.reduce((product, [, inner = '']) => product * inner.split('|').length, 1);
  }, 0);
}

/**
 * The largest number of different captions in a run: tags may be shuffled and dropped anew at each use of an image.
 */
export function mostCaptions({ data, training: t }: Plan): number {
  const epochs = Math.ceil((t.steps * t.gradient_accumulation) / t.batches_per_epoch);
  return data.images.reduce((sum, { caption, repeats, validation, own }) => {
    const { keep_tags, shuffle_tags, tag_dropout } = own ?? data;
    const free = Math.max(0, tagsOf(caption).length - keep_tags);
    const forms = (shuffle_tags ? factorial(free) : 1) * (tag_dropout > 0 ? 2 ** free : 1);
    const most = forms * formCount(caption, data.caption_options);
    return sum + (validation ? 1 : Math.min(epochs * repeats, most));
  }, 0);
}

const factorial = (n: number): number => Array.from({ length: n }, (_, i) => i + 1).reduce((all, i) => all * i, 1);

/** Whether a caption has a brace that opens no wildcard or closes none. */
export const hasLooseBrace = (caption: string): boolean => /[{}]/u.test(hidden(caption).replaceAll(WILDCARD, ''));

const chosen = (line: string, choose: (choices: readonly string[]) => string) =>
  shown(hidden(line).replaceAll(WILDCARD, (_, inner: string) => choose(inner.split('|'))));

/** The lines of a caption's text that are captions of their own. */
export function linesOf(text: string, options: CaptionOptions | null): readonly string[] {
  if (options === null || options.lines === 'join') return [text];
  const lines = text.split(NEWLINE).filter((line) => line.trim() !== '');
  return options.lines === 'first' ? lines.slice(0, 1) : lines;
}

export const hasSeparator = (text: string, options: CaptionOptions | null): boolean =>
  options !== null && options.keep_separator !== '' && text.includes(options.keep_separator);

/** Applies rules to each part of a caption between separators, so that a tag of one part never joins with the next. */
export function ruledParts(ruled: (text: string) => string, options: CaptionOptions | null): (text: string) => string {
  if (options === null || options.keep_separator === '') return ruled;
  const separator = options.keep_separator;
  return (text) => {
    const parts = text.split(separator);
    return parts.length === 1 ? ruled(text) : parts.map((part) => ruled(part.trim())).join(` ${separator} `);
  };
}

/** A caption with its parts in place: trigger and prefix belong to its front, the suffix to its end. */
export function composeParts(text: string, separator: string, parts: CaptionParts): string {
  const [front = '', ...rest] = text.split(separator).map((part) => part.trim());
  const first = composeCaption(front, { ...parts, suffix: '' });
  const last = rest.at(-1) ?? '';
  const end = composeCaption(last, { ...parts, trigger: '', prefix: '' });
  return [first, ...rest.slice(0, -1), end].join(` ${separator} `).trim();
}

/** A caption with commas in place of its separators. A caption without separators is not changed. */
function withoutMarks(text: string, { keep_separator: keep, group_separator: group }: CaptionOptions): string {
  const parts = keep === '' ? [text] : text.split(keep);
  const whole = parts.length === 1 ? text : joined(parts);
  return group === '' || !whole.includes(group) ? whole : joined(whole.split(group));
}

const joined = (parts: readonly string[]) =>
  parts
    .map((part) => part.replaceAll(/^[\s,]+|[\s,]+$/gu, ''))
    .filter((part) => part !== '')
    .join(', ');
