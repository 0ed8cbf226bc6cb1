/** Breaks text into lines between its words. Pure. */

export interface Wrapping {
  /** The room that a text takes on its line; without it, its number of characters. */
  readonly measure?: (text: string) => number;
  /** Makes a word fit that begins a line; without it, a word longer than a line stays whole. */
  readonly fit?: (word: string) => string;
}

/** Lines that take at most `most`, as `measure` counts. Line ends in the text stay. */
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
