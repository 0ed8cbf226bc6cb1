/** Decides by names alone which caption file belongs to which image of a folder. Pure. */
import { extname } from 'node:path';
import { nearest } from '../../base/nearest.ts';
import { folderRepeats, isImage, likeName, stemOf } from './names.ts';
import type { Folder } from './walk.ts';

/** An image and the files that may hold its caption. Paths are relative to the root. */
export interface Pair {
  readonly path: string;
  readonly repeats: number;
  /** Caption file with the wanted extension. */
  readonly caption: string | undefined;
  /** A JSON file such as `fox.json` beside `fox.png`, when there is no caption file. */
  readonly json: string | undefined;
}

export interface Pairs {
  /** The images with their captions, once. Each is made when it is asked for, because a folder may hold a million. */
  readonly pairs: Iterable<Pair>;
  /** Repeats that the folder's name asks for, which all of its images have. */
  readonly repeats: number;
  /** Extensions of files that are neither image nor caption, each with whether such a file counts as a caption. */
  readonly rest: readonly { readonly extension: string; readonly isCaption: boolean }[];
  /** Caption files that belong to no image, each with the image that it is likely meant for. */
  readonly lost: readonly { readonly path: string; readonly likely: string }[];
}

const CAPTIONS = ['.txt', '.caption'];
/** Most lost captions in a folder that are compared, and most images that each is compared with: comparing is slow. */
const MOST_LOST = 20;
const MOST_LIKELY = 500;

export function pairFolder(folder: Folder, captionExtension: string): Pairs {
  const prefix = folder.path === '' ? '' : `${folder.path}/`;
  const wanted = captionExtension.toLowerCase();
  const images: string[] = [];
  const captions = new Map<string, string>();
  const jsons = new Map<string, string>();
  const rest: string[] = [];
  for (const name of folder.files) {
    const lower = name.toLowerCase();
    if (isImage(name)) images.push(name);
    else if (lower.endsWith(wanted)) captions.set(name.slice(0, -wanted.length), name);
    else if (lower.endsWith('.json')) jsons.set(name.slice(0, -5), name);
    else rest.push(name);
  }
  const found = match(images, captions);
  const used = new Set(found.values());
  const bare = images.filter((image) => !found.has(image));
  const json = jsons.size === 0 ? new Map<string, string>() : match(bare, jsons);
  const usedJson = new Set(json.values());
  const unused = [...captions.values()].filter((name) => !used.has(name));
  const lost = likelyImages(
    unused,
    bare.filter((image) => !json.has(image)),
    wanted,
  );
  const isLost = new Set(lost.map(({ path }) => path));
  rest.push(
    ...unused.filter((name) => !isLost.has(name)),
    ...[...jsons.values()].filter((name) => !usedJson.has(name)),
  );
  const repeats = folderRepeats(folder.path);
  return {
    pairs: eachPair(images, found, json, { prefix, repeats }),
    repeats,
    rest: restKinds(rest, images, wanted),
    lost: lost.map(({ path, likely }) => ({ path: prefix + path, likely: prefix + likely })),
  };
}

function* eachPair(
  images: readonly string[],
  captions: ReadonlyMap<string, string>,
  jsons: ReadonlyMap<string, string>,
  { prefix, repeats }: { readonly prefix: string; readonly repeats: number },
): Generator<Pair> {
  const at = (name: string | undefined) => (name === undefined ? undefined : prefix + name);
  for (const name of images)
    yield { path: prefix + name, repeats, caption: at(captions.get(name)), json: at(jsons.get(name)) };
}

/**
 * Pairs `fox.png` with `fox.txt`, or with `fox.png.txt` as some tools name it. An image that is still without a
 * caption gets a file whose name differs only in case, outer spaces or composed letters, if there is exactly one such
 * file on each side.
 */
function match(images: readonly string[], captions: ReadonlyMap<string, string>): Map<string, string> {
  const found = new Map<string, string>();
  if (captions.size === 0) return found;
  for (const image of images) {
    const caption = captions.get(stemOf(image)) ?? captions.get(image);
    if (caption !== undefined) found.set(image, caption);
  }
  const used = new Set(found.values());
  if (found.size === images.length || used.size === captions.size) return found;
  const free = single(
    [...captions].filter(([, name]) => !used.has(name)).map(([stem, name]) => [likeName(stem), name]),
  );
  const bare = images.filter((image) => !found.has(image));
  const alone = single(images.map((image) => [likeName(stemOf(image)), image]));
  for (const image of bare) {
    const caption = free.get(likeName(stemOf(image))) ?? free.get(likeName(image));
    if (caption !== undefined && alone.get(likeName(stemOf(image))) === image) found.set(image, caption);
  }
  return found;
}

/** The entries as a map, without keys that occur more than once. */
function single(entries: readonly (readonly [string, string])[]): Map<string, string> {
  const seen = new Map<string, string>();
  const twice = new Set<string>();
  for (const [key, value] of entries) {
    if (seen.has(key)) twice.add(key);
    seen.set(key, value);
  }
  for (const key of twice) seen.delete(key);
  return seen;
}

function likelyImages(unused: readonly string[], bare: readonly string[], wanted: string) {
  if (bare.length === 0) return [];
  const stems = new Map(bare.slice(0, MOST_LIKELY).map((image) => [stemOf(image), image]));
  return unused.slice(0, MOST_LOST).flatMap((path) => {
    const likely = stems.get(nearest(path.slice(0, -wanted.length), stems.keys()) ?? '');
    return likely === undefined ? [] : [{ path, likely }];
  });
}

function restKinds(rest: readonly string[], images: readonly string[], wanted: string): Pairs['rest'] {
  if (rest.length === 0) return [];
  const stems = new Set(images.flatMap((name) => [name, stemOf(name)]));
  return rest.map((name) => {
    const extension = extname(name).toLowerCase();
    // A file with the wanted extension that has no image yet is a lost caption.
    const isCaption =
      extension !== wanted && CAPTIONS.includes(extension) && stems.has(name.slice(0, name.length - extension.length));
    return { extension, isCaption };
  });
}
