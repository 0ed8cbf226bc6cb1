/**
 * Draws a curve in text: braille dots (2×4 in a cell), or one ASCII character a cell on a terminal without Unicode.
 * Pure.
 */
import { padStart } from './columns.ts';
import type { Style } from './style.ts';
import { Styled, styled } from './styled.ts';

/** A point of a curve, in the units of its data. */
export interface XY {
  readonly x: number;
  readonly y: number;
}

export interface ChartInput {
  /** Points of the curve, by rising x. */
  readonly line: readonly XY[];
  /** Single points that are marked over the line. */
  readonly marks: readonly XY[];
  /** Right end of the x axis; the left end is 0. */
  readonly xMax: number;
  /** Width in cells, the axis included. */
  readonly columns: number;
  /** Height in rows, without the x axis. */
  readonly rows: number;
}

/** Draws `rows` + 1 lines of at most `columns` cells; no lines when there is nothing to draw. */
export function chart({ line, marks, xMax, columns, rows }: ChartInput, style: Style): Styled[] {
  const all = [...line, ...marks].map(({ y }) => y);
  if (line.length < 2 || rows < 2) return [];
  const [low, high] = bounds(all);
  const labels = ticks(low, high, rows);
  const wide = Math.max(...labels.map((label) => label.length));
  const cells = columns - wide - 2;
  if (cells < 8) return [];
  const dots = style.unicode ? { x: 2, y: 4 } : { x: 1, y: 1 };
  const xOf = (x: number) => Math.min(cells * dots.x - 1, Math.max(0, Math.floor((x / xMax) * cells * dots.x)));
  const yOf = (y: number) => {
    const share = (y - low) / (high - low);
    return Math.min(rows * dots.y - 1, Math.max(0, Math.round((1 - share) * (rows * dots.y - 1))));
  };
  const grid = draw(perColumn(line, xOf), yOf, { cells, rows, dots });
  const text = grid.map((row) =>
    row.map((bits) => (bits === 0 ? ' ' : style.unicode ? String.fromCharCode(0x2800 + bits) : '*')),
  );
  const marked = new Map(
    marks.map(({ x, y }) => [`${Math.floor(yOf(y) / dots.y)}:${Math.floor(xOf(x) / dots.x)}`, true]),
  );
  const { axis } = style.glyph;
  const mark = style.unicode ? '●' : 'o';
  const body = text.map((row, r) => {
    const signs = row.map((cell, c) => (marked.has(`${r}:${c}`) ? mark : cell));
    const label = labels[r] ?? '';
    const side = label === '' ? axis.side : axis.tick;
    return styled`${style.dim(`${padStart(label, wide)} ${side}`)}${paintRuns(signs, mark, style)}`;
  });
  return [...body, style.dim(`${' '.repeat(wide + 1)}${axis.corner}${axis.floor.repeat(cells)}`)];
}

/** Adjacent cells of one colour share one escape sequence, because a slow link has to send every byte. */
function paintRuns(signs: readonly string[], mark: string, style: Style): Styled {
  const runs = signs.join('').split(mark);
  return Styled.joined(
    runs.map((run) => paintInk(run, style)),
    style.good(mark),
  );
}

/** Colours a run of signs but not the blanks at its ends, which need no colour. */
function paintInk(run: string, style: Style): Styled {
  const ink = run.trim();
  const at = run.length - run.trimStart().length;
  return styled`${run.slice(0, at)}${style.accent(ink)}${run.slice(at + ink.length)}`;
}

/** Range of the y axis: it is never empty, and single outliers do not stretch it. */
export function bounds(values: readonly number[]): [number, number] {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.round(share * (sorted.length - 1))] ?? 0;
  const low = at(0.01);
  const high = at(0.99);
  const room = (high - low || Math.abs(high) || 1) * 0.05;
  // A loss is never negative, so the axis does not go below zero.
  return [low >= 0 ? Math.max(0, low - room) : low - room, high + room];
}

/** Labels at the top, middle and bottom, with as many digits as are needed to tell them apart. */
export function ticks(low: number, high: number, rows: number): string[] {
  const digits = Math.min(6, Math.max(0, 2 - Math.floor(Math.log10((high - low) / 2))));
  const wanted = new Set([0, Math.floor((rows - 1) / 2), rows - 1]);
  return Array.from({ length: rows }, (_, r) => {
    if (!wanted.has(r)) return '';
    return (high - ((high - low) * r) / (rows - 1)).toFixed(digits);
  });
}

/** Mean of the values that fall on each column of dots. Columns without a value are absent. */
export function perColumn(line: readonly XY[], xOf: (x: number) => number): Map<number, number> {
  const sums = new Map<number, { sum: number; count: number }>();
  for (const { x, y } of line) {
    const column = xOf(x);
    const entry = sums.get(column) ?? { sum: 0, count: 0 };
    sums.set(column, { sum: entry.sum + y, count: entry.count + 1 });
  }
  return new Map([...sums].map(([column, { sum, count }]) => [column, sum / count]));
}

// Bits of a braille cell, by row and column of the dot (Unicode block 2800).
const BRAILLE = [
  [0x01, 0x08],
  [0x02, 0x10],
  [0x04, 0x20],
  [0x40, 0x80],
];

interface Canvas {
  readonly cells: number;
  readonly rows: number;
  /** Dots in one cell, beside and above each other. */
  readonly dots: { readonly x: number; readonly y: number };
}

/** The bits of each cell, by row and column. */
function draw(
  columns: ReadonlyMap<number, number>,
  yOf: (y: number) => number,
  { cells, rows, dots }: Canvas,
): number[][] {
  const grid = Array.from({ length: rows }, () => new Array<number>(cells).fill(0));
  const set = (x: number, y: number) => {
    const row = grid[Math.floor(y / dots.y)];
    const c = Math.floor(x / dots.x);
    if (row === undefined || row[c] === undefined) return;
    row[c] |= dots.x === 1 ? 1 : (BRAILLE[y % 4]?.[x % 2] ?? 0);
  };
  let before: { x: number; y: number } | undefined;
  for (const [x, value] of [...columns].sort((a, b) => a[0] - b[0])) {
    const y = yOf(value);
    if (before !== undefined) connect(before, { x, y }, set);
    set(x, y);
    before = { x, y };
  }
  return grid;
}

/** Draws all dots on the line between two points. */
function connect(
  from: { x: number; y: number },
  to: { x: number; y: number },
  set: (x: number, y: number) => void,
): void {
  const steps = Math.max(Math.abs(to.x - from.x), Math.abs(to.y - from.y));
  for (let i = 1; i < steps; i += 1) {
    set(Math.round(from.x + ((to.x - from.x) * i) / steps), Math.round(from.y + ((to.y - from.y) * i) / steps));
  }
}

/**
 * Running mean over about `window` points, which shows the trend: the loss of a single step depends on the few images
 * in its batch.
 */
export function smooth(points: readonly XY[], window: number): XY[] {
  const weight = 2 / (window + 1);
  let mean: number | undefined;
  return points.map(({ x, y }) => {
    mean = mean === undefined ? y : mean + (y - mean) * weight;
    return { x, y: mean };
  });
}
