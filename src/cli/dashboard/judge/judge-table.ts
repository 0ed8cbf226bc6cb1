/** The table of a judgement as lines of text, the base model first. Pure. */
import type { Judgement, JudgeRow } from '../../../engine/judge/schema.ts';
import { type TableRoom, table } from '../../../terminal/table.ts';

const HEAD = ['checkpoint', 'loss', 'likeness', 'fit', 'bleeding', 'diversity', 'copies', 'nearest pair'];

/** The head, then a line for each row. Columns that do not fit are left out, the least informative ones first. */
export function judgeTable({ rows }: Judgement, room: Pick<TableRoom, 'width' | 'ellipsis'>): string[] {
  const all = rows.map(cells);
  // A column without any measurement would only take room.
  const shown = HEAD.flatMap((_, i) => (i === 0 || all.some((row) => row[i] !== '') ? [i] : []));
  const only = (row: readonly string[]) => shown.map((i) => row[i] ?? '');
  return table(only(HEAD), all.map(only), { ...room, expendable: ['nearest pair', 'diversity', 'bleeding'] });
}

/** Number of rows of the whole table. */
export const rowsWanted = ({ request }: Judgement): number => 1 + request.steps.length * request.strengths.length;

export const judgedRow = ({ step, strength }: JudgeRow): string =>
  step === 0 ? 'base model' : `step ${step} × ${strength}`;

function cells(row: JudgeRow): string[] {
  const { validation, change, likeness, fit, bleeding, diversity, copies } = row;
  const loss = validation === null ? '' : validation.loss.toFixed(4);
  const moved = change === null ? '' : ` (${change.value > 0 ? '+' : ''}${scored(change, 4)})`;
  const pair =
    copies === null ? '' : `${copies.nearest.sample} ${copies.nearest.image} ${copies.nearest.alike.toFixed(2)}`;
  return [
    judgedRow(row),
    `${loss}${moved}`,
    ...[likeness, fit, bleeding, diversity].map((each) => (each === null ? '' : scored(each, 3))),
    copies === null ? '' : `${copies.copied} of ${copies.samples}`,
    pair,
  ];
}

/** The value with its error. One sample alone has no error, which is 0 then: it would look like certainty. */
const scored = ({ value, stderr }: { value: number; stderr: number }, digits: number) =>
  `${value.toFixed(digits)}${stderr === 0 ? '' : ` ± ${stderr.toFixed(digits)}`}`;
