import { neutralise, neutraliseAll } from '../base/text.ts';
import { columns, truncate, width } from './columns.ts';

/**
 * Cells between two columns on a terminal (GAP) and in output for programs (WIDE_GAP); least cells of a cut last
 * column.
 */
const GAP = 2;
const WIDE_GAP = 3;
const LEAST_LAST = 12;

export interface TableRoom {
  /** Cells of the terminal; undefined when the length of lines has no limit. */
  readonly width: number | undefined;
  /** Heads of columns that may be left out when the table is too wide; the first in the list is left out first. */
  readonly expendable?: readonly string[];
  readonly ellipsis?: string;
}

/**
 * Lines of a table with padded columns; the last column is not padded. When the table is too wide, an expendable last
 * column is cut, and then expendable columns are left out. The lines may still be wider than the terminal.
 */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  { width: room, expendable = [], ellipsis = '…' }: TableRoom = { width: undefined },
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
  if (drop === undefined) return columns(all);
  const at = head.indexOf(drop);
  const without = (row: readonly string[]) => row.filter((_, i) => i !== at);
  return table(without(head), rows.map(without), { width: room, expendable: others, ellipsis });
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
