/** Shapes of the tables of foreign words. */
import type { Conversion } from './values.ts';

/** A word of another trainer that has a key here. */
export interface ForeignWord {
  readonly names: readonly string[];
  /** Dotted key of run.yaml. */
  readonly key: string;
  /** How the values of the word are converted; without it they are the same as ours. */
  readonly as?: Conversion;
  /** How the setting here differs from that of the other trainer, in a sentence for the person. */
  readonly note?: string;
}

/** A word of another trainer that has no key here. */
export interface WordWithoutKey {
  readonly names: readonly string[];
  /** What the person can do instead. */
  readonly say: string;
}
