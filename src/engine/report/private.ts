/** Removes folders from the texts of a report, since it is made to be shown to others. Pure. */

/** Matches an absolute path with at least two parts, within a sentence or as a whole value. */
const ABSOLUTE = /(?<![\p{L}\p{N}.:/<…])(?:\/[\p{L}\p{N}_.@+~-]+){2,}\/?/gu;
/** Matches a whole value that is a path, which may contain blanks. */
const WHOLE = /^(?:\/|~\/)[^\n]*$/u;

/** Replaces the folders of paths: `/home/ann/art/fox` → `…/fox`, as a whole text and within one. */
function withoutFolders(text: string): string {
  if (WHOLE.test(text)) return `…/${lastPart(text)}`;
  return text.replaceAll(ABSOLUTE, (path) => `…/${lastPart(path)}`);
}

const lastPart = (path: string): string => path.replace(/\/+$/u, '').split('/').at(-1) ?? '';

/** The value with the folders removed from every text in it. */
export function shareable<T>(value: T): T {
  if (typeof value === 'string') return withoutFolders(value) as T;
  if (Array.isArray(value)) return value.map(shareable) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, shareable(inner)])) as T;
}
