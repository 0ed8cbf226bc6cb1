/** Counts, from names alone, how often the images of a folder are used in an epoch. */
import { folderRepeats, isImage } from './names.ts';
import { walkFolder } from './walk.ts';

/** Uses of all images in one epoch; undefined when the folder cannot be read. */
export function countUses(root: string): number | undefined {
  try {
    return walkFolder(root).folders.reduce(
      (sum, { path, files }) => sum + files.filter(isImage).length * folderRepeats(path),
      0,
    );
  } catch {
    return undefined;
  }
}
