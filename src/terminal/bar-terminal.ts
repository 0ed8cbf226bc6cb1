/**
 * The terminal that cli-progress draws on. Its own terminal moves up by as many rows as it wrote, which leaves pieces
 * of bars behind when a narrower terminal has folded them. This one gathers a frame, paints it whole, and computes how
 * many rows the last frame takes after folding.
 */
import { width } from './columns.ts';
import { onTerminal } from './styled.ts';

export interface BarStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

const ESC = '\u001b[';

/** Implements the `terminal` option of cli-progress. `paint` ends a frame. */
export class BarTerminal {
  readonly #stream: BarStream;
  readonly #folds: boolean;
  readonly #unicode: boolean;
  /**
   * `#rows` is the frame that is being gathered; `#shown` is the one on the screen, painted at a width of `#columns`.
   */
  #rows: string[] = [''];
  #shown: readonly string[] = [];
  #columns = 0;
  #notes: string[] = [];

  /**
   * Draws on `stream`.
   * @param folds whether the terminal folds lines that a change of width leaves too long, as most do; other terminals
   *   cut them
   */
  constructor(stream: BarStream, { folds, unicode }: { readonly folds: boolean; readonly unicode: boolean }) {
    this.#stream = stream;
    this.#folds = folds;
    this.#unicode = unicode;
  }

  isTTY(): boolean {
    return this.#stream.isTTY === true;
  }

  getWidth(): number {
    return this.#stream.columns || 80;
  }

  cursor(shown: boolean): void {
    this.#stream.write(`${ESC}?25${shown ? 'h' : 'l'}`);
  }

  cursorRelativeReset(): void {
    this.#rows = [''];
  }

  newline(): void {
    this.#rows.push('');
  }

  write(row: string): void {
    this.#rows[this.#rows.length - 1] = this.#harmless(row);
  }

  // A frame is painted as a whole, so these methods of cli-progress have nothing to do.
  cursorSave(): void {}
  cursorRestore(): void {}
  cursorTo(): void {}
  clearLine(): void {}
  clearRight(): void {}
  lineWrapping(): void {}

  /** Removes the bars from the screen. */
  clearBottom(): void {
    this.#rows = [];
    this.paint();
  }

  /** Prints a line that stays above the bars. It is painted with the next frame. */
  note(text: string): void {
    this.#notes.push(this.#harmless(text));
  }

  /**
   * Text of a row without control characters: rows have no colours of ours, so every control character came from
   * outside.
   */
  #harmless(text: string): string {
    return onTerminal(text, { unicode: this.#unicode });
  }

  paint(): void {
    const columns = this.getWidth();
    const notes = this.#notes.splice(0);
    const same = columns === this.#columns && this.#rows.length === this.#shown.length;
    if (same && notes.length === 0 && this.#rows.every((row, i) => row === this.#shown[i])) return;
    const before = same && notes.length === 0 ? this.#top() : this.#erased(columns);
    const above = notes.map((note) => `${note}\n`).join('');
    // Each row is cleared before it is written, since tmux would otherwise join it to a folded row above. Wrapping is
    // off meanwhile, because the terminal may already be narrower than the last size that this process received. The
    // cursor ends at the left of the last row, where folding cannot move it to another row.
    const rows = this.#rows.map((row) => `\r${ESC}2K${row}`).join('\n');
    const frame = rows === '' ? '' : `${ESC}?7l${rows}\r${ESC}?7h`;
    this.#stream.write(`${before}${above}${frame}`);
    this.#shown = [...this.#rows];
    this.#columns = columns;
  }

  /** Moves the cursor to the first row of the last frame. It is right only while no row has been folded. */
  #top(): string {
    return this.#shown.length > 1 ? `${ESC}${this.#shown.length - 1}A` : '';
  }

  /** Erases row by row, bottom first: clearing the screen from the top of the frame makes tmux keep what was there. */
  #erased(columns: number): string {
    if (this.#shown.length === 0) return '';
    const heights = this.#shown.map((row) => (this.#folds ? Math.max(1, Math.ceil(width(row) / columns)) : 1));
    const below = (heights.at(-1) ?? 1) - 1;
    const all = heights.reduce((sum, rows) => sum + rows, 0);
    return `${below > 0 ? `${ESC}${below}B` : ''}\r${ESC}2K${`${ESC}A${ESC}2K`.repeat(all - 1)}`;
  }
}
