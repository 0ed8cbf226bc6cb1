/** Words that are too common to be a trigger, even if every caption contains them. */
const ORDINARY = new Set(
  (
    'the and with for from this that its has are was his her their over under into onto near who which very all one two ' +
    'photo photograph picture image drawing painting sketch illustration art artwork render style anime portrait view shot ' +
    'close full body face head front side back left right top bottom middle center background white black red blue green ' +
    'yellow brown grey gray pink purple orange big small large tiny man woman girl boy person people dog cat solo sitting ' +
    'standing looking wearing masterpiece best quality detailed highres simple'
  ).split(' '),
);

/**
 * The one unusual word in every caption, which shows that these images were captioned with a trigger. Undefined when
 * there is none, when there are several, or when there are too few captions to tell.
 */
export function commonWord(captions: readonly string[]): string | undefined {
  const [first, ...rest] = captions.map(wordsOf);
  if (first === undefined || rest.length < 3) return undefined;
  const shared = [...first].filter((word) => rest.every((words) => words.has(word)));
  return shared.length === 1 ? shared[0] : undefined;
}

/** Whether a word could be a trigger because it is not an ordinary word. */
export const isUnusual = (word: string): boolean => word.length >= 3 && !ORDINARY.has(word.toLowerCase());

function wordsOf(caption: string): Set<string> {
  const words = caption.toLowerCase().match(/[\p{L}\p{N}_]{3,40}/gu) ?? [];
  return new Set(words.filter((word) => !ORDINARY.has(word)));
}
