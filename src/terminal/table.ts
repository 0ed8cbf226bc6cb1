import { neutralise, neutraliseAll } from '../base/text.ts';
import { columns, padEnd, truncate, width, wrap } from './columns.ts';

/**
 * Cells between two columns on a terminal (GAP) and in output for programs (WIDE_GAP); least cells of a cut last
 * column.
 */
const GAP = 2;
const WIDE_GAP = 3;
const LEAST_LAST = 12;
/** Cells that a column of long cells keeps at least, and the share of what is free that a wrapped last column gets. */
const LEAST_APART = 16;
const LAST_SHARE = 0.6;

export interface TableRoom {
  /** Cells of the terminal; undefined when the length of lines has no limit. */
  readonly width: number | undefined;
  /** Heads of columns that may be left out when the table is too wide; the first in the list is left out first. */
  readonly expendable?: readonly string[];
  /**
   * Head of a column whose long cells stand on a line of their own, whole, when nothing else makes the table fit; then the
   * last column is wrapped. Without it the lines may be wider than the room.
   */
  readonly apart?: string;
  readonly ellipsis?: string;
}

/**
 * Lines of a table with padded columns; the last column is not padded. In too little room an expendable last column is
 * cut, then expendable columns are left out.
 */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  { width: room, expendable = [], apart, ellipsis = '…' }: TableRoom = { width: undefined },
): string[] {
  const all = [head, ...rows].map(neutraliseAll);
  if (room === undefined) return columns(all, WIDE_GAP);
  const widths = head.map((_, i) => Math.max(...all.map((row) => width(row[i] ?? ''))));
  const last = widths.at(-1) ?? 0;
  const left = room - widths.slice(0, -1).reduce((sum, cells) => sum + cells + GAP, 0);
  if (last <= left) return columns(all);
  const [drop, ...others] = expendable;
  const lastHead = head.at(-1) ?? '';
  if (expendable.includes(lastHead) && left >= LEAST_LAST)
    return columns(all.map((row) => [...row.slice(0, -1), truncate(row.at(-1) ?? '', left, ellipsis)]));
  if (drop === undefined) return apart === undefined ? columns(all) : folded(all, head.indexOf(apart), room);
  const at = head.indexOf(drop);
  const without = (row: readonly string[]) => row.filter((_, i) => i !== at);
  const less = { width: room, expendable: others, ellipsis, ...(apart === undefined ? {} : { apart }) };
  return table(without(head), rows.map(without), less);
}

/**
 * The table with no line wider than the room: a long cell of column `at` stands on a line of its own, and the other cells of
 * its row on the next, under their heads. The last column is wrapped. Only such a cell may be wider than the room.
 */
function folded(all: readonly (readonly string[])[], at: number, room: number): string[] {
  const widths = (all[0] ?? []).map((_, i) => Math.max(...all.map((row) => width(row[i] ?? ''))));
  const end = widths.length - 1;
  const free = room - widths.reduce((sum, cells, i) => sum + (i === at || i === end ? 0 : cells + GAP), GAP);
  const whole = widths[end] ?? 0;
  const wanted = Math.min(whole, Math.max(free - LEAST_APART, Math.floor(free * LAST_SHARE)));
  const most = Math.max(LEAST_APART, free - wanted);
  const short = Math.max(...all.map((row) => width(row[at] ?? '')).filter((cells) => cells <= most));
  const last = Math.max(LEAST_LAST, free - short);
  return all.flatMap((row) => {
    const isLong = width(row[at] ?? '') > short;
    const pad = (cell: string, i: number) => padEnd(cell, (i === at ? short : (widths[i] ?? 0)) + GAP);
    const above = row.slice(0, at + 1).map((cell, i) => (i === at ? cell : pad(cell, i)));
    const front = row
      .slice(0, end)
      .map((cell, i) => pad(isLong && i <= at ? '' : cell, i))
      .join('');
    const [first = '', ...more] = wrap(row[end] ?? '', last);
    const below = [front + first, ...more.map((text) => ' '.repeat(width(front)) + text)];
    return [...(isLong ? [above.join('')] : []), ...below.map((line) => line.trimEnd())];
  });
}

/**
 * The table when it fits. Otherwise each row is a record of several lines: its first cells with commas between them,
 * then the last `apart` cells on lines of their own and whole, so that a path or an address can still be copied.
 */
export function tableOrRecords(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  { width: room, apart }: { readonly width: number | undefined; readonly apart: number },
): string[] {
  const lines = table(head, rows);
  if (room === undefined || lines.every((line) => width(line) <= room)) return lines;
  return rows.flatMap((row) => {
    const [short, long] = [row.slice(0, -apart), row.slice(-apart)].map((cells) =>
      cells.filter((cell) => cell !== '').map(neutralise),
    );
    return [short?.join(', ') ?? '', ...(long ?? []).map((cell) => `  ${cell}`)];
  });
}
