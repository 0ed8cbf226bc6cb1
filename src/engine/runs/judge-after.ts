/** A finished run is judged by itself where run.yaml asks for that: by the command itself, apart from this process. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { packageRoot } from '../../base/package-root.ts';
import { readBeside } from '../run-folder/beside.ts';
import { readExit } from '../run-folder/run-files.ts';

/** Whether a run is over as it should be, and is to be judged then. */
export const wantsJudging = (dir: string): boolean =>
  readExit(dir)?.status === 'finished' && readBeside(dir)?.judge === true;

/**
 * Starts `visiontrain judge --detach`, which waits for the card: behind the run that the queue starts next, where it does.
 * What it says goes where this process writes.
 */
export async function judgeAfterwards(dir: string, env: NodeJS.ProcessEnv): Promise<void> {
  const program = join(packageRoot(), 'bin', 'visiontrain');
  const argv = [program, 'judge', dir, '--detach', '--plain', '--workspace', dirname(dir)];
  const child = spawn(process.execPath, argv, { env, stdio: ['ignore', 'inherit', 'inherit'] });
  await once(child, 'close');
}
