/** What is told of one word of an imported file. */

/** A word of the file and what became of it. */
export interface ImportLine {
  /** The word as it stands in the file, with its value. */
  readonly theirs: string;
  /** `training.rank: 16`; null where there is no counterpart. */
  readonly ours: string | null;
  readonly why: string | null;
}
