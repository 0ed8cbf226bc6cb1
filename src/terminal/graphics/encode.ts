/**
 * Writes images as escape sequences, in each of three protocols. Only decoded pixels and numbers get into the
 * sequences, never bytes of a file. Pure.
 */
import { deflateSync } from 'node:zlib';
import type { Graphics } from './answers.ts';
import { indexed } from './palette.ts';
import type { Pixels } from './png.ts';
import { pngFile } from './png-file.ts';
import { resize } from './resize.ts';

const ESC = '\u001b';
const ST = `${ESC}\\`;
/** Width and height of a cell in pixels, used where the terminal did not tell its size. */
const USUAL_CELL = [10, 20] as const;
/** Rows of pixels that are sent together as sixels. */
const BAND = 6;
/** Most bytes of one chunk of an image in kitty's protocol. */
const PART = 4096;

export interface CellRoom {
  readonly columns: number;
  readonly rows: number;
}

/** An image scaled to the pixels that it covers, and the cells that it lies on. */
export interface Scaled extends CellRoom {
  readonly image: Pixels;
}

/** The image scaled to the largest size that fits into a room of cells, with its aspect ratio kept. */
export function scaled(image: Pixels, room: CellRoom, graphics: Graphics): Scaled {
  const [wide, high] = graphics.cell ?? USUAL_CELL;
  const factor = Math.min((room.columns * wide) / image.width, (room.rows * high) / image.height);
  const [across, down] = [(image.width * factor) / wide, (image.height * factor) / high];
  if (graphics.tmux === true)
    return wholeCells(image, { columns: near(across, room.columns), rows: near(down, room.rows) }, [wide, high]);
  const width = Math.max(1, Math.floor(image.width * factor));
  const height = Math.max(1, Math.floor(image.height * factor));
  return {
    image: { width, height, rgb: resize(image, width, height) },
    columns: Math.min(room.columns, Math.ceil(width / wide)),
    rows: Math.min(room.rows, Math.ceil(height / high)),
  };
}

const near = (cells: number, most: number) => Math.min(most, Math.max(1, Math.round(cells)));

/**
 * An image of whole cells for tmux, at most half a cell larger or smaller than its aspect ratio asks for. Up to 3.5 tmux
 * fills the rest of a cell with the first colour of the image, and counts its height in bands of sixels.
 */
function wholeCells(image: Pixels, { columns, rows }: CellRoom, [wide, high]: readonly [number, number]): Scaled {
  const width = columns * wide;
  const height = Math.max(1, Math.floor((rows * high) / BAND)) * BAND;
  return { image: { width, height, rgb: resize(image, width, height) }, columns, rows };
}

/** The sequence that shows an image at the cursor. The cursor may be anywhere afterwards. */
export function imageSequence(of: Scaled, graphics: Graphics): string {
  if (graphics.kind === 'kitty') return kitty(of, graphics.cell !== undefined);
  return graphics.kind === 'iterm2' ? iterm2(of) : sixel(of.image);
}

/**
 * An image in kitty's protocol (https://sw.kovidgoyal.net/kitty/graphics-protocol/): RGB, zlib; the terminal is told
 * to send no answer and to leave the cursor alone.
 */
function kitty({ image, columns, rows }: Scaled, exact: boolean): string {
  const data = deflateSync(image.rgb).toString('base64');
  const size = exact ? '' : `,c=${columns},r=${rows}`;
  const head = `a=T,f=24,o=z,s=${image.width},v=${image.height}${size},C=1,q=2`;
  const parts = Array.from({ length: Math.ceil(data.length / PART) }, (_, i) => data.slice(i * PART, (i + 1) * PART));
  return parts
    .map((part, i) => `${ESC}_G${i === 0 ? `${head},` : ''}m=${i < parts.length - 1 ? 1 : 0};${part}${ST}`)
    .join('');
}

/** An image in iTerm2's protocol (https://iterm2.com/documentation-images.html). */
function iterm2({ image, columns, rows }: Scaled): string {
  const file = pngFile(image);
  const size = `size=${file.length};width=${columns};height=${rows};preserveAspectRatio=1`;
  return `${ESC}]1337;File=inline=1;${size}:${file.toString('base64')}\u0007`;
}

/**
 * An image as sixels (DEC STD 070): bands of six rows; within a band, each colour that occurs there is drawn over the
 * whole width.
 */
function sixel(image: Pixels): string {
  const { width, height } = image;
  const { palette, places } = indexed(image);
  const percent = (value = 0) => Math.round((value * 100) / 255);
  const colours = Array.from({ length: palette.length / 3 }, (_, i) => {
    const [r, g, b] = palette.subarray(i * 3, i * 3 + 3);
    return `#${i};2;${percent(r)};${percent(g)};${percent(b)}`;
  });
  const bands = Array.from({ length: Math.ceil(height / BAND) }, (_, i) =>
    band(places, width, { top: i * BAND, height }),
  );
  return `${ESC}P0;1q"1;1;${width};${height}${colours.join('')}${bands.join('-')}${ST}`;
}

function band(places: Uint8Array, width: number, { top, height }: { top: number; height: number }): string {
  const rows = new Map<number, Uint8Array>();
  for (let y = top; y < Math.min(top + BAND, height); y += 1)
    for (let x = 0; x < width; x += 1) {
      const colour = places[y * width + x] ?? 0;
      const bits = rows.get(colour) ?? new Uint8Array(width);
      bits[x] = (bits[x] ?? 0) | (1 << (y - top));
      rows.set(colour, bits);
    }
  return [...rows].map(([colour, bits]) => `#${colour}${runs(bits)}`).join('$');
}

/** Six bits make one character, from `?` on; more than three equal characters in a row are written as a count. */
function runs(bits: Uint8Array): string {
  let text = '';
  for (let from = 0; from < bits.length; ) {
    let to = from + 1;
    while (to < bits.length && bits[to] === bits[from]) to += 1;
    const sign = String.fromCharCode(63 + (bits[from] ?? 0));
    text += to - from > 3 ? `!${to - from}${sign}` : sign.repeat(to - from);
    from = to;
  }
  return text;
}

/**
 * Empties `rows` rows of the whole width, from row `top` on (0 is the first), and removes the images there. Erasing up to
 * the cursor looks needless before the whole row is erased, but tmux keeps the image of a row that has no text.
 */
export function emptyRows(top: number, rows: number, { kind }: Graphics): string {
  const lines = Array.from({ length: rows }, (_, i) => `${moveTo(top + i, 0)}${ESC}[1K${ESC}[2K`);
  return `${kind === 'kitty' ? `${ESC}_Ga=d,d=A,q=2${ST}` : ''}${lines.join('')}`;
}

/** Moves the cursor to a cell; 0 is the first row and column. */
export const moveTo = (row: number, column: number): string => `${ESC}[${row + 1};${column + 1}H`;

/**
 * Wraps a text as one frame for the terminal, after which the cursor is where it was. From 3.8 on tmux draws emptied rows
 * at the end of a frame, over the images that came after them in it: there, it is no frame.
 */
export function aside(text: string, { tmux }: Graphics): string {
  const kept = `${ESC}7${text}${ESC}8`;
  return tmux === true ? kept : `${ESC}[?2026h${kept}${ESC}[?2026l`;
}
