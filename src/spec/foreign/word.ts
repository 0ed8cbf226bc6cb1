/** The shapes of the tables of words that people bring from other trainers. */
import type { Conversion } from './values.ts';

/** A word of another trainer that one of our keys stands for. */
export interface ForeignWord {
  readonly names: readonly string[];
  /** Dotted key of run.yaml. */
  readonly key: string;
  /** How the word's values are converted; without it they are the same as ours. */
  readonly as?: Conversion;
  /** What differs from the other trainer, for the person. */
  readonly note?: string;
}

/** A word of another trainer that has no key here. */
export interface LostWord {
  readonly names: readonly string[];
  /** What the person can do instead. */
  readonly say: string;
}
