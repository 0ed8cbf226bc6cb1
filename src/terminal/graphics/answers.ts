/**
 * What a terminal answers when it is asked whether it can show images. A terminal is never guessed by its name in the
 * environment: over SSH and inside others that name is of another one, and what is sent to the wrong one is printed.
 */

/** How images are sent: kitty's graphics protocol, iTerm2's inline images, or sixel. */
export type GraphicsKind = 'kitty' | 'iterm2' | 'sixel';

export interface Graphics {
  readonly kind: GraphicsKind;
  /** Width and height of a cell in pixels; undefined where the terminal did not tell. */
  readonly cell: readonly [number, number] | undefined;
}

const ESC = '\u001b';
const ST = `${ESC}\\`;

/** Any terminal answers this one, and the answers come in the order of the questions: so it is asked last. */
const DEVICE = `${ESC}[c`;
const CELL = `${ESC}[16t`;
/** How large sixel images may be: at most as the window is. xterm tells it where it does not tell the size of a cell. */
const GEOMETRY = `${ESC}[?2;1;0S`;
const VERSION = `${ESC}[>q`;
const ITERM2 = `${ESC}]1337;Capabilities${ST}`;
const KITTY = `${ESC}_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA${ST}`;

/**
 * The questions. Inside tmux and screen only what these answer themselves is asked: they take the others for a title, and
 * cannot place what goes past them.
 */
export const question = (inside: boolean): string =>
  inside ? `${CELL}${GEOMETRY}${DEVICE}` : `${KITTY}${ITERM2}${VERSION}${CELL}${GEOMETRY}${DEVICE}`;

const BEL = '\u0007';
/** Anything within a string of a terminal, and what ends it. */
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
/** Sequences that no key sends: strings of a terminal (APC, DCS, OSC), and reports of its kind and sizes. */
const ANY_ANSWER = pattern(`${ESC}[_P\\]]${WITHIN}${END}|${ESC}\\[\\?[\\d;]*[cS]|${ESC}\\[\\d+(?:;\\d+)*t`, 'gu');
/** The beginning of such a sequence at the end of what has come so far. */
const BEGUN = pattern(`${ESC}(?:[_P\\]]${WITHIN}${ESC}?|\\[\\?[\\d;]*|\\[\\d[\\d;]*)?$`);
/** Answer to DEVICE of a terminal that shows sixels. */
const SIXEL = '4';
/** Terminals that take iTerm2's images, by the name with which they answer VERSION. */
const TAKE_ITERM2 = /^(iTerm2|WezTerm) /u;

/** Whether the last answer has come. */
export const isWhole = (text: string): boolean => ANSWERS.device.test(text);

/**
 * What was answered; undefined where the terminal shows no images, or does not say how large its cells are.
 * @param size cells of the terminal
 */
export function graphicsOf(
  text: string,
  size: { readonly columns: number; readonly rows: number },
): Graphics | undefined {
  const known = cellOf(text);
  if (ANSWERS.kitty.exec(text)?.[1] === 'OK') return { kind: 'kitty', cell: known };
  const features = ANSWERS.iterm2.exec(text)?.[1] ?? '';
  // Features are words that begin with a capital letter; F alone is that files are shown.
  if (/F(?![a-z])/u.test(features) || TAKE_ITERM2.test(ANSWERS.version.exec(text)?.[1] ?? ''))
    return { kind: 'iterm2', cell: known };
  // A sixel image has the size of its pixels, so without that of a cell it could cover anything. The window may be larger
  // than images may be: then they are smaller than their room, and cover nothing.
  const [, wide = 0, high = 0] = ANSWERS.geometry.exec(text) ?? [];
  const least = positive(Math.floor(Number(wide) / size.columns), Math.floor(Number(high) / size.rows));
  const cell = known ?? least;
  const shows = (ANSWERS.device.exec(text)?.[1] ?? '').split(';').includes(SIXEL);
  return shows && cell !== undefined ? { kind: 'sixel', cell } : undefined;
}

/** Width and height of a cell in pixels, as the terminal says. */
function cellOf(text: string) {
  const [, height = 0, width = 0] = ANSWERS.cell.exec(text) ?? [];
  return positive(Number(width), Number(height));
}

const positive = (width: number, height: number): Graphics['cell'] =>
  width > 0 && height > 0 ? [width, height] : undefined;

/** What the person typed meanwhile: the text without answers, and the answer that has begun at its end. */
export function typed(text: string): { readonly keys: string; readonly begun: string } {
  const left = text.replaceAll(ANY_ANSWER, '');
  const [begun = ''] = BEGUN.exec(left) ?? [];
  return { keys: left.slice(0, left.length - begun.length), begun };
}
