/**
 * Sentences about what a scan found beside the images: links that lead out of the folder, folders whose name is a
 * caption. Pure.
 */
import { byCodePoint, plural } from '../../base/text.ts';
import type { ImageFile } from './types.ts';

export function outsideNotes(outside: readonly string[]): string[] {
  if (outside.length === 0) return [];
  const links = outside.length === 1 ? 'is a link that leads' : 'are links that lead';
  return [`${named(outside)} ${links} out of the folder: images behind are used, captions are not read`];
}

/** Most single files that are named in one sentence. */
const NAMED = 4;

/** The first few paths by name, and the number of the others. */
export function named(paths: readonly string[]): string {
  const sorted = paths.toSorted(byCodePoint);
  return `${sorted.slice(0, NAMED).join(', ')}${sorted.length > NAMED ? ` and ${sorted.length - NAMED} more` : ''}`;
}

/**
 * Sentences about folders such as `10_zwx toy`, whose name sd-scripts would use as the caption of images that have
 * none.
 */
export function folderWords(images: readonly ImageFile[]): string[] {
  const bare = new Map<string, number>();
  for (const { path, caption } of images) {
    const words = caption === null ? /(?:^|\/)\d{1,5}_([^/]+)\/[^/]+$/u.exec(path)?.[1] : undefined;
    if (words !== undefined) bare.set(words, (bare.get(words) ?? 0) + 1);
  }
  return [...bare].map(
    ([words, count]) =>
      `${plural(count, 'image')} without a caption in a folder named for "${words}": sd-scripts would caption them so, and here dataset.default_caption would`,
  );
}
