/**
 * Draws several curves over each other in text. Each curve is written with a letter of its own, so that they can be
 * told apart without colours or Unicode. Pure.
 */
import { bounds, perColumn, ticks, type XY } from './chart.ts';
import { padStart } from './columns.ts';
import type { Style } from './style.ts';
import { Styled, styled } from './styled.ts';

export interface OverlayCurve {
  /** The letter that the curve is drawn with, one cell wide. */
  readonly letter: string;
  /** Points by rising x. */
  readonly points: readonly XY[];
}

export interface OverlayRoom {
  readonly columns: number;
  /** Rows without the x axis. */
  readonly rows: number;
}

/** Drawn where curves meet. */
const MEETING = '*';

/** Draws `rows` + 2 lines of at most `columns` cells; no lines when there is nothing to draw. */
export function overlay(curves: readonly OverlayCurve[], { columns, rows }: OverlayRoom, style: Style): Styled[] {
  const values = curves.flatMap(({ points }) => points.map(({ y }) => y));
  if (values.length < 2 || rows < 2) return [];
  const [low, high] = bounds(values);
  const labels = ticks(low, high, rows);
  const wide = Math.max(...labels.map((label) => label.length));
  const cells = columns - wide - 2;
  if (cells < 8) return [];
  const xMax = Math.max(...curves.flatMap(({ points }) => points.map(({ x }) => x)), 1);
  const xOf = (x: number) => Math.min(cells - 1, Math.max(0, Math.floor((x / xMax) * cells)));
  const rowOf = (y: number) => Math.min(rows - 1, Math.max(0, Math.round(((high - y) / (high - low)) * (rows - 1))));
  const grid = Array.from({ length: rows }, () => new Array<string>(cells).fill(' '));
  for (const { letter, points } of curves)
    for (const [x, y] of perColumn(points, xOf)) {
      const row = grid[rowOf(y)];
      if (row !== undefined) row[x] = row[x] === ' ' || row[x] === letter ? letter : MEETING;
    }
  const { axis } = style.glyph;
  const body = grid.map((row, r) => {
    const label = labels[r] ?? '';
    const side = label === '' ? axis.side : axis.tick;
    return styled`${style.dim(`${padStart(label, wide)} ${side}`)}${painted(row.join(''), curves, style)}`;
  });
  const last = String(xMax);
  return [
    ...body,
    style.dim(`${' '.repeat(wide + 1)}${axis.corner}${axis.floor.repeat(cells)}`),
    style.dim(`${' '.repeat(wide + 2)}0${padStart(last, cells - 1)}`),
  ];
}

/** Gives the letters of one curve the same colour, as far as there are colours. */
function painted(row: string, curves: readonly OverlayCurve[], style: Style): Styled {
  const paints = [style.accent, style.good, style.warn];
  const runs = row.match(/(.)\1*/gu) ?? [];
  return Styled.joined(
    runs.map((run) => {
      const index = curves.findIndex(({ letter }) => letter === run[0]);
      const paint = index < 0 ? style.dim : (paints[index % paints.length] ?? style.accent);
      return run[0] === ' ' ? styled`${run}` : paint(run);
    }),
    styled``,
  );
}
