/** Breaks text into lines between its words. Pure. */

export interface Wrapping {
  /** Returns the width of a text on its line; without this function, the number of characters counts. */
  readonly measure?: (text: string) => number;
  /**
   * Shortens or splits a word that begins a line and is too long for it; without this function, such a word stays
   * whole.
   */
  readonly fit?: (word: string) => string;
}

/** Breaks text into lines of at most `most`, as `measure` counts, between words. Line ends in the text stay. Pure. */
export function wrapWords(
  text: string,
  most: number,
  { measure = (part) => part.length, fit = (word) => word }: Wrapping = {},
): string[] {
  const lines: string[] = [];
  for (const paragraph of text.split('\n')) {
    let line = '';
    for (const word of paragraph.split(' ')) {
      if (line !== '' && measure(line) + 1 + measure(word) > most) {
        lines.push(line);
        line = '';
      }
      line = line === '' ? fit(word) : `${line} ${word}`;
    }
    lines.push(line);
  }
  return lines;
}
