/**
 * Reads the answers of a terminal to the question whether it can show images. The name of the terminal in the
 * environment is not enough: over SSH and inside tmux that name may be another terminal's, and the wrong terminal
 * would print an image as text.
 */

/** How images are sent: kitty's graphics protocol, iTerm2's inline images, or sixel. */
export type GraphicsKind = 'kitty' | 'iterm2' | 'sixel';

export interface Graphics {
  readonly kind: GraphicsKind;
  /** Width and height of a cell in pixels; undefined where the terminal does not tell them. */
  readonly cell: readonly [number, number] | undefined;
  /** Whether tmux draws the images that are sent to it. */
  readonly tmux?: boolean;
}

const ESC = '\u001b';
const ST = `${ESC}\\`;

/**
 * Question that every terminal answers. Answers come in the order of the questions, so this one is asked last and
 * marks the end.
 */
const DEVICE = `${ESC}[c`;
const CELL = `${ESC}[16t`;
/**
 * Question for the largest sixel image, which is at most as large as the window. xterm answers it even where it does
 * not tell the size of a cell.
 */
const GEOMETRY = `${ESC}[?2;1;0S`;
const VERSION = `${ESC}[>q`;
const ITERM2 = `${ESC}]1337;Capabilities${ST}`;
const KITTY = `${ESC}_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA${ST}`;

/**
 * The questions. Inside tmux and screen only questions that these answer themselves are asked: they would take the
 * others for a title, and cannot place an image that goes past them.
 */
export const question = (inside: boolean): string =>
  inside ? CELL_QUESTION : `${KITTY}${ITERM2}${VERSION}${CELL_QUESTION}`;

/** Asks only how large a cell is. */
export const CELL_QUESTION = `${CELL}${GEOMETRY}${DEVICE}`;

const BEL = '\u0007';
/** The contents of a control string of a terminal, and its end. */
const WITHIN = `[^${BEL}${ESC}]*`;
const END = `(?:${BEL}|${ESC}\\\\)`;
const pattern = (source: string, flags = 'u') => new RegExp(source, flags);

const ANSWERS = {
  kitty: pattern(`${ESC}_Gi=31;(${WITHIN})${END}`),
  iterm2: pattern(`${ESC}\\]1337;Capabilities=(${WITHIN})${END}`),
  version: pattern(`${ESC}P>\\|(${WITHIN})${END}`),
  cell: pattern(`${ESC}\\[6;(\\d+);(\\d+)t`),
  geometry: pattern(`${ESC}\\[\\?2;0;(\\d+);(\\d+)S`),
  device: pattern(`${ESC}\\[\\?([\\d;]*)c`),
} as const;
/**
 * Matches sequences that no key sends: control strings (APC, DCS, OSC), and reports of the terminal's kind and sizes.
 */
const ANY_ANSWER = pattern(`${ESC}[_P\\]]${WITHIN}${END}|${ESC}\\[\\?[\\d;]*[cS]|${ESC}\\[\\d+(?:;\\d+)*t`, 'gu');
/** Matches the answers to CELL_QUESTION. Control strings are none: a person who presses Alt+P begins one. */
const CELL_ANSWER = pattern(`${ESC}\\[\\?[\\d;]*[cS]|${ESC}\\[\\d+(?:;\\d+)*t`, 'gu');
const CELL_BEGUN = pattern(`${ESC}\\[\\??[\\d;]*$`);
/** Matches the beginning of such a sequence at the end of the input so far. */
const BEGUN = pattern(`${ESC}(?:[_P\\]]${WITHIN}${ESC}?|\\[\\?[\\d;]*|\\[\\d[\\d;]*)?$`);
/** Attribute in the answer to DEVICE that means sixel support. */
const SIXEL = '4';
/** Terminals that support iTerm2's images, by the name in their answer to VERSION. */
const TAKE_ITERM2 = /^(iTerm2|WezTerm) /u;

/** Whether the last of the answers has come. */
export const isWhole = (text: string): boolean => ANSWERS.device.test(text);

/**
 * The protocol in the answers; undefined where the terminal shows no images, or does not say how large its cells are.
 * @param size cells of the terminal
 */
export function graphicsOf(
  text: string,
  size: { readonly columns: number; readonly rows: number },
): Graphics | undefined {
  if (ANSWERS.kitty.exec(text)?.[1] === 'OK') return { kind: 'kitty', cell: cellOf(text, size, 'kitty') };
  const features = ANSWERS.iterm2.exec(text)?.[1] ?? '';
  // Each feature is a word that begins with a capital letter; the feature `F` alone means that files are shown.
  if (/F(?![a-z])/u.test(features) || TAKE_ITERM2.test(ANSWERS.version.exec(text)?.[1] ?? ''))
    return { kind: 'iterm2', cell: cellOf(text, size, 'iterm2') };
  // A sixel image is placed by pixels, so without the size of a cell it could cover anything.
  const cell = cellOf(text, size, 'sixel');
  const shows = (ANSWERS.device.exec(text)?.[1] ?? '').split(';').includes(SIXEL);
  return shows && cell !== undefined ? { kind: 'sixel', cell } : undefined;
}

/** Width and height of a cell in pixels, from the answers; undefined where none has them. */
export function cellOf(
  text: string,
  size: { readonly columns: number; readonly rows: number },
  kind: GraphicsKind,
): Graphics['cell'] {
  const [, height = 0, width = 0] = ANSWERS.cell.exec(text) ?? [];
  const told = positive(Number(width), Number(height));
  const [, wide = 0, high = 0] = ANSWERS.geometry.exec(text) ?? [];
  const share = positive(Number(wide) / size.columns, Number(high) / size.rows);
  if (told !== undefined && share !== undefined) return [closer(told[0], share[0]), closer(told[1], share[1])];
  // If the window is larger than the largest image, images come out smaller than their area, which does no harm.
  if (told !== undefined || kind !== 'sixel' || share === undefined) return told;
  return positive(Math.floor(share[0]), Math.floor(share[1]));
}

/**
 * A side of a cell. xterm.js has cells of 7.8 pixels and tells 8: an image of 70 such cells would reach into the image
 * beside it.
 * @param share share of a cell in the largest image; meaningless where that is not as large as the window
 */
const closer = (told: number, share: number) => (share < told && told - share < 1 ? share : told);

const positive = (width: number, height: number): Graphics['cell'] =>
  width > 0 && height > 0 ? [width, height] : undefined;

export interface Typed {
  /** The keys that the person pressed meanwhile: the input without answers. */
  readonly keys: string;
  /** The answer that has begun at the end of the input. */
  readonly begun: string;
  readonly answers: string;
}

/** Divides input into keys and answers. */
export const typed = (text: string): Typed => divided(text, ANY_ANSWER, BEGUN);

/** Does the same where only the size of a cell was asked for. */
export const typedAndCell = (text: string): Typed => divided(text, CELL_ANSWER, CELL_BEGUN);

function divided(text: string, answer: RegExp, unfinished: RegExp): Typed {
  const left = text.replaceAll(answer, '');
  const [begun = ''] = unfinished.exec(left) ?? [];
  return { keys: left.slice(0, left.length - begun.length), begun, answers: (text.match(answer) ?? []).join('') };
}
