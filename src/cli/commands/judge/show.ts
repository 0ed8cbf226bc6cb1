/** The table of a judgement for people, and its advice. */
import { shellWord } from '../../../base/typed-path.ts';
import { isJudging } from '../../../engine/judge/judgement.ts';
import type { Judgement, JudgeRow } from '../../../engine/judge/schema.ts';
import { wrap } from '../../../terminal/columns.ts';
import { table } from '../../../terminal/table.ts';
import type { Context } from '../../shell/context.ts';

export function showJudgement({ out, flags }: Context, name: string, judgement: Judgement): void {
  if (flags.json) {
    out.json(judgement);
    return;
  }
  const room = { width: out.width, expendable: ['nearest pair', 'diversity', 'bleeding'] };
  // A column that nothing was measured for would only take room.
  const rows = judgement.rows.map(cells);
  const shown = HEAD.flatMap((_, i) => (i === 0 || rows.some((row) => row[i] !== '') ? [i] : []));
  const only = (row: readonly string[]) => shown.map((i) => row[i] ?? '');
  for (const line of table(only(HEAD), rows.map(only), room)) out.data(line);
  const { advice, request } = judgement;
  const wanted = 1 + request.steps.length * request.strengths.length;
  if (advice === null) {
    const state = isJudging(judgement) ? 'it goes on' : 'it was ended; the same command goes on';
    out.talk(`${rows.length} of ${wanted} rows: ${state}.`);
    return;
  }
  out.data('');
  for (const text of [advice.text, advice.doubt])
    for (const line of out.width === undefined ? [text] : wrap(text, out.width - 1)) out.data(line);
  if (advice.step !== null) out.talk(`Its LoRA file: visiontrain export ${shellWord(name)} --best --by judge`);
}

const HEAD = ['checkpoint', 'loss', 'likeness', 'fit', 'bleeding', 'diversity', 'copies', 'nearest pair'];

const rowName = ({ step, strength }: JudgeRow) => (step === 0 ? 'base model' : `step ${step} × ${strength}`);

function cells(row: JudgeRow): string[] {
  const { validation, change, likeness, fit, bleeding, diversity, copies } = row;
  const loss = validation === null ? '' : validation.loss.toFixed(4);
  const moved = change === null ? '' : ` (${change.value > 0 ? '+' : ''}${scored(change, 4)})`;
  const pair =
    copies === null ? '' : `${copies.nearest.sample} ${copies.nearest.image} ${copies.nearest.alike.toFixed(2)}`;
  return [
    rowName(row),
    `${loss}${moved}`,
    ...[likeness, fit, bleeding, diversity].map((each) => (each === null ? '' : scored(each, 3))),
    copies === null ? '' : `${copies.copied} of ${copies.samples}`,
    pair,
  ];
}

const scored = ({ value, stderr }: { value: number; stderr: number }, digits: number) =>
  `${value.toFixed(digits)} ± ${stderr.toFixed(digits)}`;
