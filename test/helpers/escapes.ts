/** Hostile text that a stranger plants, and a search for it in what was sent to a terminal. */
import { question } from '../../src/terminal/graphics/answers.ts';

/**
 * Sets a title, colours, clears, reorders and begins a new line. visiontrain itself sends none of these escape
 * sequences.
 */
export const planted = '\u001b]0;owned\u0007\u001b[8;53m\u009b2J\u202eowned\u2066\u200b\r\nowned\u007f';

/** The part of the hostile text that a file name can hold. */
export const plantedName = planted.replace(/[/\n\r]/g, '');

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what visiontrain and its libraries send
const OURS = /\u001b\[(?:\?(?:25|7|1049|2004|2026)[hl]|(?!8;53)[\d;]*[mABCDEGHJK])|\u001b[78=>]|\r?\n|\r|\u0008/g;

/** Characters that act on a terminal and do not come from visiontrain; '' when there are none. */
export function foreign(sent: string): string {
  // Screens that show images ask the terminal once whether it can show them.
  const rest = [true, false].reduce((text, inside) => text.replace(question(inside), ''), sent).replace(OURS, '');
  return [...rest.matchAll(/.{0,20}[\p{Cc}\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069].{0,20}/gu)]
    .map(([found]) => JSON.stringify(found))
    .join('\n');
}
