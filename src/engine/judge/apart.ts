/** Starts judging in a process of its own. */
import { spawn } from 'node:child_process';
import { closeSync, constants } from 'node:fs';
import { join } from 'node:path';
import { TrainingError } from '../../base/errors.ts';
import { lastLogLines } from '../../base/files/log-lines.ts';
import { openOurs } from '../../base/files/regular-file.ts';
import { packageRoot } from '../../base/package-root.ts';
import { pause } from '../../base/sleep.ts';
import { RUN_FILES } from '../run-folder/layout.ts';
import { beingJudged, isJudging, readJudgement } from './judgement.ts';
import { readWaiting } from './wait.ts';

/** Milliseconds between two looks at whether the process has begun. */
const LOOK_MS = 50;
const SHOWN_LINES = 12;

/**
 * Starts `judge` with these words in a process without this terminal; its output goes to judge.log. Resolves once that
 * process is known as the one that judges the run or waits to, so that `--show` and `--stop` find it from then on, or
 * once it is over because all of it was judged before.
 * @throws UsageError while another process judges the run; TrainingError when the process ends with an error before that
 */
export async function judgeApart(dir: string, argv: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  if (isJudging(dir, readJudgement(dir))) throw beingJudged();
  const path = join(dir, RUN_FILES.judgeLog);
  const log = openOurs(path, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT);
  const program = [join(packageRoot(), 'bin', 'visiontrain'), 'judge', dir, '--plain', ...argv];
  const child = spawn(process.execPath, program, { detached: true, env, stdio: ['ignore', log, log] });
  closeSync(log);
  let code: number | undefined;
  child.once('exit', (ended) => {
    code = ended ?? 1;
  });
  child.once('error', () => {
    code = 1;
  });
  while (code === undefined && !isKnown(dir)) await pause(LOOK_MS, undefined);
  child.unref();
  if (code !== undefined && code !== 0)
    throw new TrainingError('Judging ended before it had begun.', {
      id: 'judge/failed',
      details: lastLogLines(path, SHOWN_LINES),
    });
}

const isKnown = (dir: string) => readWaiting(dir) !== undefined || isJudging(dir, readJudgement(dir));
