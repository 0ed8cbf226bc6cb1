/**
 * Applies the rules of run.yaml to captions as they were read, before trigger, prefix and suffix are added. The order
 * is: replace, remove, keep only, dedupe, add first and last, limit. Pure.
 */
import { literally, plural } from '../../base/text.ts';
import type { RunSpec } from '../../spec/schema.ts';
import type { Scan } from '../dataset/types.ts';
import { tagsOf } from './captions.ts';

export type CaptionRules = Pick<
  RunSpec['captions'],
  'replace' | 'remove' | 'keep_only' | 'dedupe' | 'add_first' | 'add_last' | 'limit' | 'protect'
>;

/** Whether the rules change no caption at all. */
export const hasRules = (rules: CaptionRules): boolean =>
  rules.dedupe ||
  rules.limit > 0 ||
  [rules.replace, rules.remove, rules.keep_only, rules.add_first, rules.add_last].some((list) => list.length > 0);

/** A tag in a form in which its spellings are equal: case, underscores and A1111's backslashes do not count. */
export const tagKey = (tag: string): string =>
  tag
    .toLowerCase()
    .replaceAll('_', ' ')
    .replaceAll(/\\([()[\]{}])/gu, '$1')
    .replaceAll(/\s+/gu, ' ')
    .trim();

/**
 * Makes the rules into a function of a caption's text. Rules are about whole tags: `cat` never means `cat ears`. In a
 * pattern, `*` stands for any letters.
 */
export function captionRules(rules: CaptionRules): (text: string) => string {
  if (!hasRules(rules)) return (text) => text;
  const isProtected = matcher(rules.protect);
  const isRemoved = matcher(rules.remove);
  const isKept = matcher(rules.keep_only);
  const replaced = new Map(rules.replace.map(replacement).map(({ from, to }) => [tagKey(from), to]));
  return (text) => {
    let tags = tagsOf(text).flatMap((tag) => tagsOf(replaced.get(tagKey(tag)) ?? tag));
    tags = tags.filter((tag) => isProtected(tag) || !isRemoved(tag));
    if (rules.keep_only.length > 0) tags = tags.filter((tag) => isProtected(tag) || isKept(tag));
    if (rules.dedupe) tags = unique(tags);
    tags = added(tags, rules);
    return limited(tags, rules.limit, (tag) => isProtected(tag)).join(', ');
  };
}

/** A sentence about captions that the rules leave empty; none when there are none. */
export function emptied(rules: CaptionRules, { images }: Pick<Scan, 'images'>): readonly string[] {
  const ruled = captionRules(rules);
  const empty = images.filter(({ caption }) => caption !== null && ruled(caption) === '');
  if (empty.length === 0) return [];
  return [
    `the rules of captions leave ${plural(empty.length, 'caption')} without a word (${empty[0]?.path}${empty.length > 1 ? ' …' : ''}): they count as none`,
  ];
}

/** The two sides of a rule `a -> b`; an empty right side removes the tag. */
export function replacement(rule: string): { readonly from: string; readonly to: string } {
  const [from = '', ...to] = rule.split('->');
  return { from: from.trim(), to: to.join('->').trim() };
}

function matcher(patterns: readonly string[]): (tag: string) => boolean {
  const plain = new Set(patterns.filter((pattern) => !pattern.includes('*')).map(tagKey));
  const globs = patterns
    .filter((pattern) => pattern.includes('*'))
    .map((pattern) => new RegExp(`^${tagKey(pattern).split('*').map(literally).join('.*')}$`, 'u'));
  return (tag) => {
    const key = tagKey(tag);
    return plain.has(key) || globs.some((glob) => glob.test(key));
  };
}

/** Removes repeated tags; the first of equal tags stays. */
function unique(tags: readonly string[]): string[] {
  const seen = new Set<string>();
  return tags.filter((tag) => {
    const key = tagKey(tag);
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

/** Adds tags where the rule says. If the caption has such a tag elsewhere, it is moved. */
function added(tags: readonly string[], { add_first: first, add_last: last }: CaptionRules): string[] {
  const moved = new Set([...first, ...last].map(tagKey));
  const rest = moved.size === 0 ? tags : tags.filter((tag) => !moved.has(tagKey(tag)));
  return [...first, ...rest, ...last];
}

/** The first `most` tags. Protected tags behind them stay and take the place of others. 0 means no limit. */
function limited(tags: readonly string[], most: number, stays: (tag: string) => boolean): readonly string[] {
  if (most === 0 || tags.length <= most) return tags;
  let free = Math.max(0, most - tags.filter(stays).length);
  return tags.filter((tag) => {
    if (stays(tag)) return true;
    free -= 1;
    return free >= 0;
  });
}
