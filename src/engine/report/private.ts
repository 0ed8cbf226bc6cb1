/** Takes folders out of what a report shows, since it is made to be shown to others. Pure. */

/** An absolute path with at least two parts, as it stands in a sentence or as a whole value. */
const ABSOLUTE = /(?<![\p{L}\p{N}.:/<…])(?:\/[\p{L}\p{N}_.@+~-]+){2,}\/?/gu;
/** A whole value that is a path may hold blanks. */
const WHOLE = /^(?:\/|~\/)[^\n]*$/u;

/** `/home/ann/art/fox` → `…/fox`, as a whole text and within one. */
function withoutFolders(text: string): string {
  if (WHOLE.test(text)) return `…/${lastPart(text)}`;
  return text.replaceAll(ABSOLUTE, (path) => `…/${lastPart(path)}`);
}

const lastPart = (path: string): string => path.replace(/\/+$/u, '').split('/').at(-1) ?? '';

/** The value with the folders taken out of every text in it. */
export function shareable<T>(value: T): T {
  if (typeof value === 'string') return withoutFolders(value) as T;
  if (Array.isArray(value)) return value.map(shareable) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, shareable(inner)])) as T;
}
