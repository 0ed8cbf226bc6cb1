/** The result of scanning a data set. */
import type { Format } from './headers/header-result.ts';

export interface ImageFile {
  /** Path relative to the root, with forward slashes. */
  readonly path: string;
  /** Width and height in pixels after EXIF rotation. */
  readonly size: readonly [number, number];
  readonly format: Format;
  /** One line; null when there is no caption file or it is empty. */
  readonly caption: string | null;
  /** The N of a folder named `N_anything`, else 1. */
  readonly repeats: number;
}

export interface LeftOut {
  readonly path: string;
  readonly reason: 'unreadable' | 'too_small' | 'too_large' | 'too_long' | 'duplicate' | 'zero_repeats';
  /** The reason, in words that follow the path: "is cut short and cannot be read". */
  readonly problem: string;
}

export interface Scan {
  /** Absolute path of the folder. */
  readonly root: string;
  /** Images sorted by path, in the order of code points. */
  readonly images: readonly ImageFile[];
  readonly leftOut: readonly LeftOut[];
  /** Folders that hold images; `repeats` is the number that an `N_name` folder sets. */
  readonly folders: readonly { readonly path: string; readonly images: number; readonly repeats: number }[];
  /** Number of files that are neither images nor captions, by extension with its dot (empty for none). */
  readonly others: Readonly<Record<string, number>>;
  /** Number of caption files with another extension than the wanted one, by extension. */
  readonly otherCaptions: Readonly<Record<string, number>>;
  /** Sentences about files or folders that are used although something is unusual, or that could not be read. */
  readonly notes: readonly string[];
}
