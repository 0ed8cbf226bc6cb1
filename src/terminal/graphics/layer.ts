/** Images over the text of a screen: Ink draws empty lines there, and the images are drawn after that. */
import { readOurs } from '../../base/files/regular-file.ts';
import type { Graphics } from './answers.ts';
import { aside, emptyRows, imageSequence, moveTo, scaled } from './encode.ts';
import { decodePng } from './png.ts';

export interface PlacedImage {
  readonly path: string;
  /** First column, from 0. */
  readonly column: number;
  readonly columns: number;
}

/** Images beside each other, on rows whose text is empty. */
export interface ImageRow {
  /** First row, from 0. */
  readonly top: number;
  readonly rows: number;
  readonly images: readonly PlacedImage[];
}

export interface LayerOutput {
  readonly write: (text: string) => void;
  /** Draws the whole text anew on an empty screen. */
  readonly redraw: () => void;
}

/** Milliseconds after which Ink has certainly drawn the lines under the images. */
const AFTER_TEXT_MS = 150;
/** Largest file that is read, in bytes. */
const MOST_BYTES = 1 << 28;

export class ImageLayer {
  #graphics: Graphics;
  readonly #output: LayerOutput;
  #wanted: ImageRow | undefined;
  #drawn: ImageRow | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isPaused = false;

  constructor(graphics: Graphics, output: LayerOutput) {
    this.#graphics = graphics;
    this.#output = output;
  }

  /** Replaces the images that are shown; undefined removes them. */
  put(row: ImageRow | undefined): void {
    if (JSON.stringify(row) === JSON.stringify(this.#wanted)) return;
    const moved = this.#drawn !== undefined && (row?.top !== this.#drawn.top || row.rows !== this.#drawn.rows);
    this.#wanted = row;
    // Other text is in the old rows by now. Emptying them would remove it too, so the whole text is drawn anew.
    if (moved) this.#output.redraw();
    this.#soon();
  }

  /** Must be called when the screen was emptied: the images are then drawn again. */
  wiped(): void {
    if (this.#drawn !== undefined && this.#graphics.kind === 'kitty')
      this.#output.write(emptyRows(0, 0, this.#graphics));
    this.#drawn = undefined;
    this.#soon();
  }

  /** Must be called when a cell has another size: images of the old size would cover other cells. */
  zoomed(cell: Graphics['cell']): void {
    if (JSON.stringify(cell) === JSON.stringify(this.#graphics.cell)) return;
    this.#graphics = { ...this.#graphics, cell };
    if (this.#drawn !== undefined) this.#output.redraw();
  }

  /**
   * Removes the images, and draws none until `resume`. Must be called while the alternate screen is still shown: on the
   * other one kitty would remove images that are not ours.
   */
  pause(): void {
    this.#isPaused = true;
    clearTimeout(this.#timer);
    if (this.#drawn !== undefined && this.#graphics.kind === 'kitty')
      this.#output.write(emptyRows(0, 0, this.#graphics));
    this.#drawn = undefined;
  }

  resume(): void {
    this.#isPaused = false;
    this.#soon();
  }

  /** Draws nothing any more, and removes nothing. */
  close(): void {
    this.#isPaused = true;
    clearTimeout(this.#timer);
  }

  #soon(): void {
    clearTimeout(this.#timer);
    if (this.#wanted !== undefined && !this.#isPaused) this.#timer = setTimeout(() => this.#draw(), AFTER_TEXT_MS);
  }

  #draw(): void {
    const row = this.#wanted;
    if (row === undefined) return;
    const images = row.images.map(({ path, column, columns }) => {
      const sequence = sequenceOf(path, { columns, rows: row.rows }, this.#graphics);
      return sequence === undefined ? '' : `${moveTo(row.top, column)}${sequence}`;
    });
    const text = `${emptyRows(row.top, row.rows, this.#graphics)}${images.join('')}`;
    this.#output.write(aside(text, this.#graphics));
    this.#drawn = row;
  }
}

/**
 * The sequence that shows an image file; undefined where it cannot be read, for instance while it is being written.
 */
function sequenceOf(path: string, room: { columns: number; rows: number }, graphics: Graphics): string | undefined {
  try {
    const file = readOurs(path, MOST_BYTES);
    return file === undefined ? undefined : imageSequence(scaled(decodePng(file), room, graphics), graphics);
  } catch {
    return undefined;
  }
}
