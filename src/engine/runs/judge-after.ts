/** Judges a finished run if run.yaml asks for that: by the command itself, in a process of its own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { packageRoot } from '../../base/package-root.ts';
import { readSettingsBesidePlan } from '../run-folder/beside.ts';
import { readExit } from '../run-folder/run-files.ts';

/** Whether a run finished normally, and is to be judged. */
export const wantsJudging = (dir: string): boolean =>
  readExit(dir)?.status === 'finished' && readSettingsBesidePlan(dir)?.judge === true;

/**
 * Starts `visiontrain judge --detach`, which waits for the card, if necessary until the next run of the queue is over.
 * Its output goes where this process writes.
 */
export async function judgeAfterwards(dir: string, env: NodeJS.ProcessEnv): Promise<void> {
  const child = spawn(process.execPath, judging(dir, '--detach'), { env, stdio: ['ignore', 'inherit', 'inherit'] });
  await once(child, 'close');
}

export interface JudgeHere {
  readonly env: NodeJS.ProcessEnv;
  /** Ends it; what it had drawn is kept. */
  readonly signal: AbortSignal;
  /** Where its table goes; the rest of what it says goes to stderr in any case. */
  readonly table: 'stdout' | 'stderr';
}

/** Runs `visiontrain judge` to its end, for a run that is over with its process. Returns whether it judged. */
export async function judgeHere(dir: string, { env, signal, table }: JudgeHere): Promise<boolean> {
  if (signal.aborted) return false;
  const stdio = ['ignore', table === 'stdout' ? 'inherit' : 2, 'inherit'] as const;
  // In a group of its own a Ctrl-C reaches it once, by way of this process.
  const child = spawn(process.execPath, judging(dir), { env, stdio: [...stdio], detached: true });
  const end = () => void child.kill('SIGTERM');
  signal.addEventListener('abort', end, { once: true });
  try {
    const [code] = await once(child, 'close');
    return code === 0;
  } finally {
    signal.removeEventListener('abort', end);
  }
}

const judging = (dir: string, ...flags: string[]) => [
  ...[join(packageRoot(), 'bin', 'visiontrain'), 'judge', dir, ...flags],
  ...['--plain', '--workspace', dirname(dir)],
];
