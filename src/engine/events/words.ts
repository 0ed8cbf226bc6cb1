/** The words that people read for values of events. */

/** Answers to "Did it learn?". */
export const verdictWords = { learnt: 'yes', nothing: 'no', unknown: 'cannot be told' } as const;
