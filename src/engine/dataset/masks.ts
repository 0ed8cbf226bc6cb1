/** Finds the masks of images: files that say which part of an image is learned. */
import { existsSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import { UsageError } from '../../base/errors.ts';
import { sha256OfFile } from '../../base/files/hash.ts';
import { byCodePoint, plural } from '../../base/text.ts';
import type { HashedImage, HashedScan } from './hash.ts';
import { isImage, stemOf } from './names.ts';
import { type Folder, walkFolder } from './walk.ts';

export interface MaskFile {
  /** Relative to the data set, or absolute when masks have a folder of their own. */
  readonly path: string;
  readonly sha256: string;
  /** Whether the mask is the opacity of the file. */
  readonly alpha: boolean;
}

export interface FoundMasks {
  /** Masks by the path of their image. */
  readonly masks: ReadonlyMap<string, MaskFile>;
  /** Sentences about images without a mask, and masks without an image. */
  readonly notes: readonly string[];
}

const MASK_FOLDER = /^(masks?|mask[ _-]?(labels?|images?))$/iu;
const MASK_OF = /^(.+?)(-masklabel|[._-]mask)$/iu;
/** Formats whose files can be transparent. */
const TRANSPARENT = new Set(['png', 'webp', 'gif', 'tiff']);
/** Most paths that are named in one sentence. */
const NAMED = 4;

/**
 * Finds the masks.
 * @param from `auto`, `alpha` or a folder, as `dataset.masks.from` has it
 * @param dir folder that a relative path starts from
 * @throws {UsageError} when the folder is not there, or no image has a mask
 */
export async function findMasks(scan: HashedScan, from: string, dir: string): Promise<FoundMasks> {
  const { images, root } = scan;
  if (from === 'alpha') {
    const transparent = images.filter(({ format }) => TRANSPARENT.has(format));
    if (transparent.length === 0) throw noMasks(root, 'None of the pictures can be transparent.');
    return {
      masks: new Map(transparent.map(({ path, sha256 }) => [path, { path, sha256, alpha: true }])),
      notes: without(images, (path) => transparent.some((each) => each.path === path)),
    };
  }
  const folder = from === 'auto' ? root : resolve(dir, from);
  if (!existsSync(folder))
    throw new UsageError(`dataset.masks.from: ${folder} is not there.`, {
      id: 'dataset/no-mask',
      nextSteps: [
        'Mend the path; it starts at the folder of run.yaml.',
        'Or train without masks:  --set dataset.masks=null',
      ],
    });
  const files = walkFolder(folder).folders;
  const byStem = from === 'auto' ? besideImages(files) : inFolder(files);
  const masks = new Map<string, MaskFile>();
  const used = new Set<string>();
  for (const { path } of images) {
    const mask = from === 'auto' ? byStem.get(stemOfPath(path)) : endOfPath(byStem, stemOfPath(path));
    if (mask === undefined) continue;
    const where = from === 'auto' ? mask : join(folder, mask);
    const file = isAbsolute(where) ? where : join(root, where);
    // An image is not its own mask: in a folder of masks the files have the names of the images.
    if (file === join(root, path)) continue;
    used.add(mask);
    masks.set(path, { path: where, sha256: await sha256OfFile(file), alpha: false });
  }
  if (masks.size === 0)
    throw noMasks(folder, 'Names like fox-masklabel.png, fox.mask.png or mask/fox.png are masks of fox.png.');
  const lost = [...new Set(byStem.values())].filter((path) => !used.has(path));
  return { masks, notes: [...without(images, (path) => masks.has(path)), ...lostNotes(lost)] };
}

const noMasks = (folder: string, why: string) =>
  new UsageError(`dataset.masks is set, but no picture has a mask in ${folder}.`, {
    id: 'dataset/no-mask',
    details: [why],
    nextSteps: ['Train without masks:  --set dataset.masks=null'],
  });

/**
 * The value of a map for a path, else for the path without its first folder, and so on: the mask of `img/10_fox/a.png`
 * may be `10_fox/a.png` or `a.png` in the folder of masks.
 */
function endOfPath(byStem: ReadonlyMap<string, string>, path: string): string | undefined {
  for (let end = path; ; end = end.slice(end.indexOf('/') + 1)) {
    const found = byStem.get(end);
    if (found !== undefined || !end.includes('/')) return found;
  }
}

const stemOfPath = (path: string) => {
  const slash = path.lastIndexOf('/') + 1;
  return path.slice(0, slash) + stemOf(path.slice(slash));
};

/** Masks beside their images, or in a folder `mask` on the way to them: the image's path without extension → mask. */
function besideImages(folders: readonly Folder[]): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const { path, files } of folders) {
    const names = path === '' ? [] : path.split('/');
    const at = names.findIndex((name) => MASK_FOLDER.test(name));
    const subject = at < 0 ? names : names.toSpliced(at, 1);
    const prefix = subject.length === 0 ? '' : `${subject.join('/')}/`;
    for (const name of files.filter(isImage)) {
      const stem = stemOf(name);
      const marked = MASK_OF.exec(stem)?.[1];
      if (at < 0 && marked === undefined) continue;
      found.set(prefix + (marked ?? stem), path === '' ? name : `${path}/${name}`);
    }
  }
  return found;
}

/** Masks in a folder of their own, by the path without extension, and by the name alone. */
function inFolder(folders: readonly Folder[]): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const { path, files } of folders)
    for (const name of files.filter(isImage)) {
      const stem = MASK_OF.exec(stemOf(name))?.[1] ?? stemOf(name);
      const whole = path === '' ? name : `${path}/${name}`;
      found.set(path === '' ? stem : `${path}/${stem}`, whole);
      if (!found.has(stem)) found.set(stem, whole);
    }
  return found;
}

function without(images: readonly HashedImage[], has: (path: string) => boolean): string[] {
  const bare = images.filter(({ path }) => !has(path)).map(({ path }) => path);
  return bare.length === 0 ? [] : [`${plural(bare.length, 'picture')} without a mask (${named(bare)}): learned whole`];
}

function lostNotes(lost: readonly string[]): string[] {
  return lost.length === 0 ? [] : [`${plural(lost.length, 'mask')} of no picture (${named(lost)}): not used`];
}

function named(paths: readonly string[]): string {
  const sorted = paths.toSorted(byCodePoint);
  return `${sorted.slice(0, NAMED).join(', ')}${sorted.length > NAMED ? ` and ${sorted.length - NAMED} more` : ''}`;
}
