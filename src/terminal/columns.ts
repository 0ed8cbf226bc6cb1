/** Lays out plain text in terminal cells (CJK signs and emoji take two). Colour is put on afterwards. */
import cells from 'fast-string-width';
import { wrapWords } from '../base/wrap.ts';

/** Width of a text in cells. ASCII takes one cell a character, which is counted without any table of Unicode. */
export const width = (text: string): number => (ASCII.test(text) ? text.length : cells(text));

const ASCII = /^[ -~]*$/;

export function padEnd(text: string, cells: number): string {
  return text + ' '.repeat(Math.max(0, cells - width(text)));
}

export function padStart(text: string, cells: number): string {
  return ' '.repeat(Math.max(0, cells - width(text))) + text;
}

let segmenter: Intl.Segmenter | undefined;
/**
 * The signs of a text as a person counts them: a letter with its accents, an emoji with all its parts. The segmenter is
 * created at the first call, as it takes 10 ms: a tenth of the start of every command.
 */
export function graphemes(text: string): Iterable<{ readonly segment: string }> {
  segmenter ??= new Intl.Segmenter(undefined, { granularity: 'grapheme' });
  return segmenter.segment(text);
}

/** Cuts a text to `cells` cells; `mark` replaces the part that was cut. */
export function truncate(text: string, cells: number, mark = '…'): string {
  if (width(text) <= cells) return text;
  const room = cells - width(mark);
  if (room < 0) return '';
  return fitting(graphemes(text), room).join('') + mark;
}

/** Cuts like `truncate` but keeps the end of the text, which is the more useful part of a path. */
export function truncateStart(text: string, cells: number, mark = '…'): string {
  if (width(text) <= cells) return text;
  const room = cells - width(mark);
  if (room < 0) return '';
  const kept = fitting([...graphemes(text)].reverse(), room);
  return mark + kept.reverse().join('');
}

/** The first signs, as many as fit into `room` cells. */
function fitting(signs: ReturnType<typeof graphemes>, room: number): string[] {
  const kept: string[] = [];
  let used = 0;
  for (const { segment } of signs) {
    used += width(segment);
    if (used > room) break;
    kept.push(segment);
  }
  return kept;
}

/**
 * Breaks text into lines of at most `cells` cells. A longer word stands alone on its line: cut, or whole with `whole`.
 */
export function wrap(text: string, cells: number, { whole = false } = {}): string[] {
  return wrapWords(text, cells, { measure: width, fit: (word) => (whole ? word : truncate(word, cells)) });
}

/** Breaks a sentence into lines of at most `cells` cells, all but the first indented by two cells. Words stay whole. */
export function hanging(text: string, cells: number): string {
  const words = text.trimStart();
  const first = ' '.repeat(text.length - words.length);
  return first + wrap(words, cells - first.length - 2, { whole: true }).join(`\n${first}  `);
}

/** Puts `left` and `right` at the two ends of a line of `cells` cells. When both do not fit, `left` is cut. */
export function ends(left: string, right: string, cells: number): string {
  const room = cells - width(right) - 1;
  if (room < 1) return truncate(left, cells);
  return `${padEnd(truncate(left, room), room + 1)}${right}`;
}

/**
 * Rows as aligned columns, `gap` spaces apart, without trailing space. A row of a single cell does not widen the
 * columns.
 */
export function columns(rows: readonly (readonly string[])[], gap = 2): string[] {
  const cells = rows.map(widthsOf);
  const widths: number[] = [];
  // Plain loops: a list of a thousand runs is laid out before the engine has made anything else fast.
  for (const row of cells)
    for (let i = 0; row.length > 1 && i < row.length; i += 1) widths[i] = Math.max(widths[i] ?? 0, row[i] ?? 0);
  return rows.map((row, r) => {
    let line = '';
    for (let i = 0; i < row.length; i += 1) {
      const cell = row[i] ?? '';
      const room = (widths[i] ?? 0) + gap - (cells[r]?.[i] ?? 0);
      line += i === row.length - 1 ? cell : cell.padEnd(cell.length + Math.max(0, room));
    }
    return line.trimEnd();
  });
}

/** Widths of the cells of a row. One look tells of most rows that all their cells are ASCII. */
const widthsOf = (row: readonly string[]): number[] =>
  row.map(ASCII.test(row.join('')) ? (cell) => cell.length : width);
