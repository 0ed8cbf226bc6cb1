/**
 * Shows images in a terminal as text: each cell is an upper half block, so that it shows two pixels. This needs
 * Unicode and 256 colours; on other terminals the paths are printed instead.
 */
import { readOurs } from '../base/files/regular-file.ts';
import { neutralise } from '../base/text.ts';
import { clipLine } from './clip.ts';
import { padEnd, truncate, truncateStart, width } from './columns.ts';
import { decodePng, type Pixels } from './graphics/png.ts';
import { resize } from './graphics/resize.ts';
import { type Line, Styled, styled } from './styled.ts';

export interface ImageRoom {
  readonly columns: number;
  readonly rows: number;
  /** Depth of colour, as in `Capabilities.colour`. */
  readonly colour: number;
  readonly unicode: boolean;
}

/** Largest file that is read, in bytes. A sample has a few megabytes. */
const MOST_BYTES = 1 << 28;

type Depth = Pick<ImageRoom, 'colour' | 'unicode'>;

export const canShowImages = ({ colour, unicode }: Depth) => unicode && colour >= 2;

/**
 * Whether a terminal is asked for graphics of its own. xterm and others that show sixels claim only sixteen colours; a
 * console without Unicode may print the question, and somebody who wants no colours gets paths.
 */
export const mayHaveGraphics = ({ colour, unicode }: Depth) => unicode && colour >= 1;

/** An image file drawn in at most so many cells; undefined when it cannot be read or shown. */
export function renderImage(path: string, room: ImageRoom): readonly Styled[] | undefined {
  if (!canShowImages(room)) return undefined;
  try {
    const file = readOurs(path, MOST_BYTES);
    return file === undefined ? undefined : halfBlocks(decodePng(file), room);
  } catch {
    return undefined;
  }
}

export interface ImagePair {
  /** Path of the sample without the LoRA; `with` is the path of the sample with the LoRA. */
  readonly without: string;
  readonly with: string;
}

/** Draws both images side by side under their names; prints their paths where images cannot be shown. */
export function renderImagePair(pair: ImagePair, room: ImageRoom): Line[] {
  const each = { ...room, columns: Math.floor((room.columns - 2) / 2), rows: room.rows - 1 };
  const left = renderImage(pair.without, each);
  const right = renderImage(pair.with, each);
  if (left === undefined || right === undefined) {
    return [
      ['without', pair.without],
      ['with', pair.with],
    ].map(
      ([name = '', path = '']) =>
        `${name.padEnd(8)} ${truncateStart(neutralise(path), Math.max(20, room.columns - 9), room.unicode ? '…' : '...')}`,
    );
  }
  const cells = cellsOf(left);
  // An image may be narrower than the label above it.
  const [without, withIt] = ['without the LoRA', 'with it'];
  const column = Math.max(cells, width(without));
  const fits = column + 2 + width(withIt) <= room.columns;
  const first = fits ? column : cells;
  const head = fits ? `${padEnd(without, first)}  ${withIt}` : padEnd(truncate('without', cells), first);
  const height = Math.max(left.length, right.length);
  const row = (i: number) => styled`${clipLine(left[i] ?? '', first, true)}  ${right[i] ?? ''}`;
  return [head, ...Array.from({ length: height }, (_, i) => row(i))];
}

const cellsOf = ([line]: readonly Styled[]) => line?.width ?? 0;

/** Draws the whole image, with its aspect ratio kept, in at most `columns` × `rows` cells. */
export function halfBlocks(image: Pixels, { columns, rows, colour }: ImageRoom): Styled[] {
  const scale = Math.min(columns / image.width, (rows * 2) / image.height);
  const width = Math.max(1, Math.min(columns, Math.round(image.width * scale)));
  const height = Math.max(2, Math.min(rows * 2, Math.round((image.height * scale) / 2) * 2));
  const small = resize(image, width, height);
  const code = colour >= 3 ? trueColour : cube;
  return Array.from({ length: height / 2 }, (_, row) => {
    // Adjacent cells of the same colours share one escape sequence.
    const runs: { colours: string; cells: number }[] = [];
    for (let x = 0; x < width; x += 1) {
      const at = (y: number) => (y * width + x) * 3;
      const colours = `38;${code(small, at(row * 2))};48;${code(small, at(row * 2 + 1))}`;
      const last = runs.at(-1);
      if (last?.colours === colours) last.cells += 1;
      else runs.push({ colours, cells: 1 });
    }
    const off = (i: number) => (i === runs.length - 1 ? '0' : '');
    return Styled.joined(runs.map(({ colours, cells }, i) => Styled.painted('▀'.repeat(cells), colours, off(i))));
  });
}

const trueColour = (rgb: Uint8Array, i: number) => `2;${rgb[i]};${rgb[i + 1]};${rgb[i + 2]}`;

/** Index of the nearest of the 6×6×6 colours, or of the 24 greys when one of those is nearer. */
function cube(rgb: Uint8Array, i: number): string {
  const [r = 0, g = 0, b = 0] = rgb.subarray(i, i + 3);
  const level = (value: number) => (value < 48 ? 0 : value < 115 ? 1 : Math.floor((value - 35) / 40));
  const shade = (l: number) => (l === 0 ? 0 : l * 40 + 55);
  const [lr, lg, lb] = [level(r), level(g), level(b)];
  const grey = Math.min(23, Math.max(0, Math.round(((r + g + b) / 3 - 8) / 10)));
  const distance = (x: number, y: number, z: number) => (x - r) ** 2 + (y - g) ** 2 + (z - b) ** 2;
  const asGrey = distance(grey * 10 + 8, grey * 10 + 8, grey * 10 + 8);
  const asCube = distance(shade(lr), shade(lg), shade(lb));
  return `5;${asGrey < asCube ? 232 + grey : 16 + 36 * lr + 6 * lg + lb}`;
}
