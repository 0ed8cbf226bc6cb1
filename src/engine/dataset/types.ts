/** What a scan of a data set finds. */
import type { Format } from './headers/header-result.ts';

export interface Picture {
  /** Relative to the root, forward slashes. */
  readonly path: string;
  /** Width and height in pixels after EXIF rotation. */
  readonly size: readonly [number, number];
  readonly format: Format;
  /** One line; null when there is no caption file or it is empty. */
  readonly caption: string | null;
  /** From a folder named `N_anything`; 1 elsewhere. */
  readonly repeats: number;
}

export interface LeftOut {
  readonly path: string;
  readonly reason: 'unreadable' | 'too_small' | 'too_large' | 'too_long' | 'duplicate' | 'zero_repeats';
  /** Follows the path: "is cut short and cannot be read". */
  readonly problem: string;
}

export interface Scan {
  /** Absolute. */
  readonly root: string;
  /** Sorted by path, in the order of code points. */
  readonly pictures: readonly Picture[];
  readonly leftOut: readonly LeftOut[];
  /** Folders that hold pictures; `repeats` is what an `N_name` folder asks for. */
  readonly folders: readonly { readonly path: string; readonly pictures: number; readonly repeats: number }[];
  /** Files that are no pictures, by extension with its dot (empty for none), caption files not among them. */
  readonly others: Readonly<Record<string, number>>;
  /** Caption files with another extension than the one asked for, by extension. */
  readonly otherCaptions: Readonly<Record<string, number>>;
  /** Sentences about single files or folders that are used all the same, or could not be looked at. */
  readonly notes: readonly string[];
}
