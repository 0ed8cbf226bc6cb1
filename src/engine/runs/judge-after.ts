/** Judges a finished run if run.yaml asks for that: by the command itself, in a process of its own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { packageRoot } from '../../base/package-root.ts';
import { readBeside } from '../run-folder/beside.ts';
import { readExit } from '../run-folder/run-files.ts';

/** Whether a run finished normally, and is to be judged. */
export const wantsJudging = (dir: string): boolean =>
  readExit(dir)?.status === 'finished' && readBeside(dir)?.judge === true;

/**
 * Starts `visiontrain judge --detach`, which waits for the card, if necessary until the next run of the queue is over.
 * Its output goes where this process writes.
 */
export async function judgeAfterwards(dir: string, env: NodeJS.ProcessEnv): Promise<void> {
  const program = join(packageRoot(), 'bin', 'visiontrain');
  const argv = [program, 'judge', dir, '--detach', '--plain', '--workspace', dirname(dir)];
  const child = spawn(process.execPath, argv, { env, stdio: ['ignore', 'inherit', 'inherit'] });
  await once(child, 'close');
}
