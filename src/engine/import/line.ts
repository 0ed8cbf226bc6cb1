/** One word of an imported file, and what is told of it. */

/** A word of the file and what became of it. */
export interface ImportLine {
  /** The word as it stands in the file, with its value. */
  readonly theirs: string;
  /** `training.rank: 16`; null where there is no counterpart. */
  readonly ours: string | null;
  readonly why: string | null;
}

/** A word of the file with its value. */
export interface ForeignPair {
  /** The word in lower case, with `_` for `-`. */
  readonly name: string;
  readonly value: unknown;
  /** The word as it stands in the file, with the groups that it lies in. */
  readonly where: string;
  /** The group that it lies in, in lower case; empty at the top. */
  readonly group: string;
}
