/**
 * Tags as boorus write them, and as they are trained. Pure. The forms are those that Danbooru, Gelbooru, e621 and their
 * kin answer with, and that downloaders such as gallery-dl save beside an image.
 */

/** Emoticons, whose underscores are no spaces. The list is the one that the authors of the taggers keep. */
const FACES = new Set(
  '0_0 (o)_(o) +_+ +_- ._. <o>_<o> <|>_<|> =_= >_< 3_3 6_9 >_o @_@ ^_^ o_o u_u x_x |_| ||_||'.split(' '),
);

/** A tag as it is trained: with spaces for underscores, except in emoticons and names of up to three characters. */
export const cleanTag = (name: string): string =>
  FACES.has(name) || name.length <= 3 ? name : name.replaceAll('_', ' ').trim();

/**
 * The kinds of tags that say what an image shows, in the order in which models are taught. Artists and facts about the
 * file (`highres`) are left out.
 */
const KINDS = ['character', 'copyright', 'species', 'general'] as const;

/** Keys beside `tags` by which the post of a booru is told from other JSON: a sentence has none of them. */
const OF_A_POST = ['md5', 'hash', 'file_url', 'rating', 'tag_string'] as const;

type Values = Readonly<Record<string, unknown>>;

/** The tags in the post of a booru, by commas; undefined where the value is no post, or has none. */
export function booruTags(value: Values): string | undefined {
  const own = (key: string): unknown => (Object.hasOwn(value, key) ? value[key] : undefined);
  const tags = own('tags');
  const inside = typeof tags === 'object' && tags !== null && !Array.isArray(tags) ? (tags as Values) : undefined;
  const byKind = KINDS.flatMap((kind) => {
    const forms = [
      own(`tag_string_${kind}`),
      own(`tags_${kind}`),
      inside !== undefined && Object.hasOwn(inside, kind) ? inside[kind] : undefined,
    ];
    return forms.map(namesIn).find((names) => names.length > 0) ?? [];
  });
  if (byKind.length > 0) return joined(byKind);
  const isPost = OF_A_POST.some((key) => own(key) !== undefined);
  const all = [own('tag_string'), tags].find((one) => typeof one === 'string' && !one.includes(','));
  return isPost && all !== undefined ? joined(namesIn(all)) : undefined;
}

/** Names between spaces, or of a list. */
function namesIn(value: unknown): readonly string[] {
  if (typeof value === 'string') return value.split(/\s+/u).filter((name) => name !== '');
  return Array.isArray(value) ? value.filter((name) => typeof name === 'string' && name.trim() !== '') : [];
}

/** A comma inside a tag would split it. */
const joined = (names: readonly string[]): string | undefined =>
  names.length === 0 ? undefined : [...new Set(names.map((name) => cleanTag(name).replaceAll(',', '')))].join(', ');
