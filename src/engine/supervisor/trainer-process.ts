import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, constants, readFileSync } from 'node:fs';
import { EnvironmentError } from '../../base/errors.ts';
import { openOurs } from '../../base/files/regular-file.ts';
import { renewal } from '../environment/tools/failure.ts';
import type { TrainerCommand } from './command.ts';

export interface TrainerEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Whether the kernel killed processes for lack of memory while the trainer ran. */
  readonly outOfMemory: boolean;
}

export interface Trainer {
  /** Process id, which is also the id of its process group. */
  readonly pid: number;
  readonly ended: Promise<TrainerEnd>;
}

/**
 * Starts the trainer as the leader of its own process group. Its output goes straight into a file, so that there is no
 * pipe that could fill, break or buffer.
 * @throws EnvironmentError when it cannot be started at all
 */
export async function startTrainer({ argv, env, cwd }: TrainerCommand, logFile: string): Promise<Trainer> {
  const log = openOurs(logFile, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT);
  const killedBefore = memoryKills();
  const [program, ...args] = argv;
  let child: ChildProcess;
  try {
    child = spawn(program, args, { cwd, env, detached: true, stdio: ['ignore', log, log] });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    });
  } catch (error) {
    throw new EnvironmentError(`The trainer's Python could not be started: ${program}`, {
      id: 'environment/trainer',
      details: [String((error as Error).message)],
      nextSteps: [renewal(env)],
      cause: error,
    });
  } finally {
    closeSync(log);
  }
  const ended = new Promise<TrainerEnd>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal, outOfMemory: memoryKills() > killedBefore }));
  });
  return { pid: child.pid as number, ended };
}

/**
 * How often the kernel has killed processes for lack of memory, in this cgroup or on the whole machine. Linux only.
 */
function memoryKills(): number {
  const count = (file: string): number => {
    try {
      return Number(/^oom_kill (\d+)$/m.exec(readFileSync(file, 'utf8'))?.[1] ?? 0);
    } catch {
      return 0;
    }
  };
  return count('/sys/fs/cgroup/memory.events') + count('/proc/vmstat');
}
