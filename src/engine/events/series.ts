/** One point of a curve; `x` is a step. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/**
 * A curve of bounded size. When it is full, neighbours are averaged, and from then on each point stands for twice as
 * many values. Persistent: `append` never changes the given curve. Points are kept in blocks, so that one append copies
 * a block and not the whole curve.
 */
export interface Series {
  /** Number of values that one point stands for: 1, 2, 4 … */
  readonly stride: number;
  readonly blocks: readonly (readonly Point[])[];
  /** Values that wait to become a point. */
  readonly pending: { readonly x: number; readonly sum: number; readonly count: number } | null;
}

const BLOCK = 64;
const BLOCKS = 62;

/** Most points that `seriesPoints` returns: 62 × 64 in whole blocks, and the pending one. */
export const SERIES_MAX_POINTS = BLOCK * BLOCKS + 1;

export const emptySeries: Series = { stride: 1, blocks: [], pending: null };

/** Adds a value. `x` must not go back (use `truncateSeries` first). Values that are not finite are left out. */
export function appendSeries(series: Series, x: number, y: number): Series {
  if (!Number.isFinite(y)) return series;
  const { stride, pending } = series;
  const sum = (pending?.sum ?? 0) + y;
  const count = (pending?.count ?? 0) + 1;
  if (count < stride) return { ...series, pending: { x, sum, count } };
  const grown = pushPoint(series.blocks, { x, y: sum / count });
  if (grown.length <= BLOCKS) return { stride, blocks: grown, pending: null };
  return { stride: stride * 2, blocks: toBlocks(halve(grown.flat())), pending: null };
}

/** Drops everything after step `x`, as a resumed run must. */
export function truncateSeries(series: Series, x: number): Series {
  let whole = series.blocks.length;
  while (whole > 0 && (series.blocks[whole - 1]?.[0]?.x ?? 0) > x) whole -= 1;
  const blocks = series.blocks.slice(0, whole);
  const last = blocks.pop();
  if (last !== undefined) blocks.push(last.filter((point) => point.x <= x));
  const pending = series.pending !== null && series.pending.x <= x ? series.pending : null;
  return { stride: series.stride, blocks, pending };
}

/** The whole curve, oldest point first. The last point may stand for fewer values than the others. */
export function seriesPoints(series: Series): Point[] {
  const points = series.blocks.flat();
  if (series.pending !== null) points.push({ x: series.pending.x, y: series.pending.sum / series.pending.count });
  return points;
}

function pushPoint(blocks: Series['blocks'], point: Point): Series['blocks'] {
  const last = blocks.at(-1);
  if (last === undefined || last.length === BLOCK) return [...blocks, [point]];
  return [...blocks.slice(0, -1), [...last, point]];
}

function halve(points: readonly Point[]): Point[] {
  const halved: Point[] = [];
  for (let i = 0; i < points.length; i += 2) {
    const a = points[i] as Point;
    const b = points[i + 1] ?? a;
    halved.push({ x: b.x, y: (a.y + b.y) / 2 });
  }
  return halved;
}

function toBlocks(points: readonly Point[]): Point[][] {
  const blocks: Point[][] = [];
  for (let i = 0; i < points.length; i += BLOCK) blocks.push(points.slice(i, i + BLOCK));
  return blocks;
}
