/** Shows the table of a judgement and its advice to people: on a screen while it grows, and as lines. */
import { shellWord } from '../../../base/typed-path.ts';
import { isJudging, isOtherMeasure, readJudgement } from '../../../engine/judge/judgement.ts';
import type { Judgement } from '../../../engine/judge/schema.ts';
import type { RunRef } from '../../../engine/runs/create.ts';
import { wrap } from '../../../terminal/columns.ts';
import { judgeTable, rowsWanted } from '../../dashboard/judge/judge-table.ts';
import type { Context } from '../../shell/context.ts';

/** Shows a judgement on a screen, if there is one, until the person leaves, and then prints it. */
export async function watchJudgement({ dir, name }: RunRef, judgement: Judgement, context: Context): Promise<void> {
  const can = context.terminal;
  if (can.draw && !context.flags.json) {
    const { judgeDashboard } = await import('../../dashboard/judge/judge-dashboard.tsx');
    await judgeDashboard({ runDir: dir, name, can, judgement });
  }
  showJudgement(context, { dir, name }, readJudgement(dir) ?? judgement);
}

export function showJudgement({ out, flags }: Context, { dir, name }: RunRef, judgement: Judgement): void {
  if (flags.json) {
    out.json(judgement);
    return;
  }
  for (const line of judgeTable(judgement, { width: out.width })) out.data(line);
  const { advice, rows } = judgement;
  if (isOtherMeasure(judgement))
    out.talk(`Another version measured this. Measure it again:  visiontrain judge ${shellWord(name)}`);
  if (advice === null) {
    const state = isJudging(dir, judgement) ? 'it goes on' : 'it was ended; the same command goes on';
    out.talk(`${rows.length} of ${rowsWanted(judgement)} rows: ${state}.`);
    return;
  }
  out.data('');
  for (const text of [advice.text, advice.doubt])
    for (const line of out.width === undefined ? [text] : wrap(text, out.width - 1)) out.data(line);
  if (advice.step !== null) out.talk(`Its LoRA file: visiontrain export ${shellWord(name)} --best --by judge`);
}
