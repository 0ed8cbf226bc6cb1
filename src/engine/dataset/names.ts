/** What the names of files in a data set say. Pure. */
import { extname } from 'node:path';

const IMAGES = new Set(['.jpg', '.jpeg', '.jfif', '.png', '.webp', '.gif', '.bmp', '.tif', '.tiff']);

/** By its name. */
export const isPicture = (name: string): boolean => IMAGES.has(extname(name).toLowerCase());

/** `fox` of `fox.png`. */
export const stemOf = (name: string): string => name.slice(0, name.length - extname(name).length);

/** sd-scripts' `10_fox` means ten repeats; the innermost folder that says a number counts. */
export function folderRepeats(path: string): number {
  for (const name of path.split('/').reverse()) {
    const digits = /^(\d{1,5})_/u.exec(name)?.[1];
    if (digits !== undefined) return Math.min(10_000, Number(digits));
  }
  return 1;
}

/** What file systems and people change in a name without meaning another: composed letters, case, outer spaces. */
export const likeName = (stem: string): string => stem.normalize('NFC').toLowerCase().trim();
