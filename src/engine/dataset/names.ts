/** Interprets the file names in a data set. Pure. */
import { extname } from 'node:path';

const IMAGES = new Set([
  '.jpg',
  '.jpeg',
  '.jfif',
  '.png',
  '.webp',
  '.gif',
  '.bmp',
  '.tif',
  '.tiff',
  '.avif',
  '.heic',
  '.heif',
  '.hif',
]);

/** Whether a file is an image, by its extension. */
export const isImage = (name: string): boolean => IMAGES.has(extname(name).toLowerCase());

/** The name without its extension: `fox` for `fox.png`. */
export const stemOf = (name: string): string => name.slice(0, name.length - extname(name).length);

/** Repeats by sd-scripts' convention: `10_fox` means ten. The innermost folder with a number counts; 1 without any. */
export function folderRepeats(path: string): number {
  for (const name of path.split('/').reverse()) {
    const digits = /^(\d{1,5})_/u.exec(name)?.[1];
    if (digits !== undefined) return Math.min(10_000, Number(digits));
  }
  return 1;
}

/** A name without differences that change no meaning: composed letters, case, outer spaces. */
export const likeName = (stem: string): string => stem.normalize('NFC').toLowerCase().trim();

/** The ending of an archive's name, which says nothing about its subject. */
export const ARCHIVE_ENDING = /(?:\.tar)?\.(?:zip|tar|tgz|gz|tzst|zst|parquet)$/iu;
