/** What a stranger plants in text, and how it is found again in what a terminal was sent. */

/** Sets a title, colours, clears, reorders, begins a new line; its escape sequences are none that visiontrain sends. */
export const planted = '\u001b]0;owned\u0007\u001b[8;53m\u009b2J\u202eowned\u2066\u200b\r\nowned\u007f';

/** The same as far as names of files may have it. */
export const plantedName = planted.replace(/[/\n\r]/g, '');

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what visiontrain and its libraries send
const OURS = /\u001b\[(?:\?(?:25|7|1049|2004|2026)[hl]|(?!8;53)[\d;]*[mABCDGHJK])|\u001b[78=>]|\r?\n|\r|\u0008/g;

/** Signs that act on a terminal and are none of ours; '' when all is well. */
export function foreign(sent: string): string {
  return [...sent.replace(OURS, '').matchAll(/.{0,20}[\p{Cc}\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069].{0,20}/gu)]
    .map(([found]) => JSON.stringify(found))
    .join('\n');
}
