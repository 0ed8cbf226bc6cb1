import { EXIT, UsageError } from '../../../base/errors.ts';
import { shellWord } from '../../../base/typed-path.ts';
import { judgeApart } from '../../../engine/judge/apart.ts';
import { beingJudged, readJudgement, stopJudging } from '../../../engine/judge/judgement.ts';
import type { Judgement } from '../../../engine/judge/schema.ts';
import { readWaiting, stopWaiting, whenJudged } from '../../../engine/judge/wait.ts';
import { findRun } from '../../../engine/runs/find.ts';
import type { RunSummary } from '../../../engine/runs/summary.ts';
import { refuseForeignFolder } from '../../../engine/runs/trust.ts';
import type { CommandRun } from '../../shell/context.ts';
import { text } from '../shared/options.ts';
import { judgeFlags } from './asked.ts';
import { settleImages } from './images.ts';
import { showJudgement, watchJudgement } from './show.ts';
import { judge, whatToJudge } from './work.ts';

/** Compares the checkpoints of a run with the base model and with each other, and advises one. */
export const run: CommandRun = async ([query = ''], options, context) => {
  const { out, places, flags } = context;
  const summary = findRun(query, places.runs);
  if (options.stop === true) {
    const stopped = stopWaiting(summary.dir) || stopJudging(summary.dir);
    out.talk(stopped ? 'Judging is stopped; what it had drawn is kept.' : 'Nothing judges this run.');
    return EXIT.ok;
  }
  if (options.show === true) {
    await watchJudgement(summary, known(summary), context);
    return EXIT.ok;
  }
  refuseForeignFolder(summary.dir);
  const wishes = judgeFlags(options);
  await settleImages(summary, text(options.dataset), context);
  if (readWaiting(summary.dir) !== undefined) throw beingJudged();
  if (options.detach === true) {
    // What cannot be judged is refused here. The checkpoints of a live run are known only when it is over.
    if (summary.state !== 'live') whatToJudge(summary.dir, wishes, context);
    await judgeApart(summary.dir, wishes.argv, context.env);
    const behind = summary.state === 'live' ? `begins when ${summary.name} is over` : 'goes on by itself';
    out.talk(`Judging ${behind}. See how far it is: visiontrain judge ${shellWord(summary.name)} --show`);
    return EXIT.ok;
  }
  const judgement = await judge(summary, wishes, context);
  if (flags.json) out.json(judgement);
  else showJudgement(context, summary, judgement);
  return EXIT.ok;
};

function known({ dir, name }: RunSummary): Judgement {
  const found = readJudgement(dir);
  if (found !== undefined) return found;
  const waiting = readWaiting(dir);
  if (waiting !== undefined)
    throw new UsageError(`${name} is judged ${whenJudged(waiting)}.`, {
      id: 'judge/none',
      nextSteps: [`Wait no longer: visiontrain judge ${shellWord(name)} --stop`],
    });
  throw new UsageError(`${name} was not judged yet.`, {
    id: 'judge/none',
    nextSteps: [`visiontrain judge ${shellWord(name)}`],
  });
}
