import { EXIT } from '../../base/errors.ts';
import { isJudging, readJudgement } from '../../engine/judge/judgement.ts';
import { findRun } from '../../engine/runs/find.ts';
import type { CommandRun } from '../shell/context.ts';
import { watchJudgement } from './judge/show.ts';
import { watchRun } from './shared/watch.ts';

/** Watches a run to its end, or the judging of its checkpoints after it. Leaving changes nothing for either. */
export const run: CommandRun = async ([query = ''], options, context) => {
  const found = findRun(query, context.places.runs);
  const judgement = readJudgement(found.dir);
  const can = context.terminal;
  if (judgement !== undefined && isJudging(found.dir, judgement) && can.draw && !context.flags.json) {
    await watchJudgement(found, judgement, context);
    return EXIT.ok;
  }
  return watchRun(found, context, { readonly: options.readonly === true });
};
