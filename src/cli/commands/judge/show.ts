/** The table of a judgement for people, and its advice. */
import { shellWord } from '../../../base/typed-path.ts';
import { isJudging } from '../../../engine/judge/judgement.ts';
import type { Judgement } from '../../../engine/judge/schema.ts';
import { wrap } from '../../../terminal/columns.ts';
import { judgeTable, rowsWanted } from '../../dashboard/judge/judge-table.ts';
import type { Context } from '../../shell/context.ts';

export function showJudgement({ out, flags }: Context, name: string, judgement: Judgement): void {
  if (flags.json) {
    out.json(judgement);
    return;
  }
  for (const line of judgeTable(judgement, { width: out.width })) out.data(line);
  const { advice, rows } = judgement;
  if (advice === null) {
    const state = isJudging(judgement) ? 'it goes on' : 'it was ended; the same command goes on';
    out.talk(`${rows.length} of ${rowsWanted(judgement)} rows: ${state}.`);
    return;
  }
  out.data('');
  for (const text of [advice.text, advice.doubt])
    for (const line of out.width === undefined ? [text] : wrap(text, out.width - 1)) out.data(line);
  if (advice.step !== null) out.talk(`Its LoRA file: visiontrain export ${shellWord(name)} --best --by judge`);
}
