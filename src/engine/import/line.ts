/** One word of an imported file, and how it was treated. */

/** How a word of the file was treated. */
export interface ImportLine {
  /** The word as it is written in the file, with its value. */
  readonly theirs: string;
  /** The key and value here: `training.rank: 16`; null where there is no counterpart. */
  readonly ours: string | null;
  readonly why: string | null;
}

/** A word of the file with its value. */
export interface ForeignPair {
  /** The word in lower case, with `_` for `-`. */
  readonly name: string;
  readonly value: unknown;
  /** The word as it is written in the file, with the groups around it. */
  readonly where: string;
  /** The group around it, in lower case; empty at the top. */
  readonly group: string;
}
