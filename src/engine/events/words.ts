/** What events are called where people read them. */

/** Did it learn? */
export const verdictWords = { learnt: 'yes', nothing: 'no', unknown: 'cannot be told' } as const;
