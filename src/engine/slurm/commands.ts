/** Runs the commands of Slurm: sbatch, squeue, sacct, scancel, scontrol. Their output is not trusted. */
import { execFile, spawn } from 'node:child_process';
import { EnvironmentError } from '../../base/errors.ts';
import { neutralise, shorten } from '../../base/text.ts';

/** Most milliseconds for a command. A busy controller answers within some seconds. */
const LIMIT_MS = 60_000;

export interface SlurmAnswer {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a command of Slurm.
 * @throws EnvironmentError when it is not installed, or does not answer
 */
function ask(program: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<SlurmAnswer> {
  return new Promise((resolve, reject) => {
    const options = { env, timeout: LIMIT_MS, killSignal: 'SIGKILL', maxBuffer: 1 << 22, encoding: 'utf8' } as const;
    execFile(program, [...args], options, (error, stdout, stderr) => {
      const code = (error as NodeJS.ErrnoException | null)?.code;
      if (code === 'ENOENT') reject(noSlurm(program));
      else if (error?.killed === true) reject(noAnswer(program));
      else resolve({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : 1, stdout, stderr });
    });
  });
}

const noSlurm = (program: string) =>
  new EnvironmentError(`There is no Slurm here: ${program} is not found.`, {
    id: 'slurm/missing',
    nextSteps: [
      'Type this on a login node of the cluster.',
      'Or write the job only: visiontrain export slurm run.yaml',
    ],
  });

export const noAnswer = (program: string) =>
  new EnvironmentError(`Slurm does not answer: ${program} was ended after ${LIMIT_MS / 1000} s.`, {
    id: 'slurm/silent',
    nextSteps: ['See whether its controller is up: sinfo'],
  });

/** Lines of an answer, made harmless for a terminal. */
export const answerLines = ({ stdout, stderr }: SlurmAnswer): string[] =>
  `${stderr}\n${stdout}`
    .split('\n')
    .map((line) => shorten(neutralise(line.trim()), 300))
    .filter((line) => line !== '')
    .slice(0, 10);

/**
 * Submits a job script. Returns the number of the job.
 * @throws EnvironmentError with Slurm's own words when it refuses
 */
export async function submit(script: string, env: NodeJS.ProcessEnv): Promise<number> {
  const answer = await ask('sbatch', ['--parsable', script], env);
  // sbatch prints `12` or `12;cluster`; a site may print a greeting before it.
  const number = answer.stdout
    .split('\n')
    .map((line) => /^(\d+)(?:;[\w.-]+)?\s*$/u.exec(line)?.[1])
    .find((found) => found !== undefined);
  if (answer.code === 0 && number !== undefined) return Number(number);
  throw new EnvironmentError(answer.code === 0 ? 'sbatch did not say which job it made.' : 'Slurm refuses the job.', {
    id: 'slurm/refused',
    details: answerLines(answer),
    nextSteps: [
      'What is asked for stands in slurm.yaml of your settings folder, and --slurm key=value changes it.',
      `The job script is ${script}`,
    ],
  });
}

/** The state of a job according to Slurm. */
export interface JobState {
  readonly state: string;
  /** Why it waits, or why it ended; empty when Slurm gives no reason. */
  readonly reason: string;
}

/**
 * The state of a job; undefined when Slurm does not know it (any more). Clusters without accounting soon forget a job.
 */
export async function jobState(job: string, env: NodeJS.ProcessEnv): Promise<JobState | undefined> {
  const queue = await ask('squeue', ['--noheader', '--jobs', job, '--format', '%T|%r'], env);
  const waiting = queue.code === 0 ? parsed(queue.stdout) : undefined;
  if (waiting !== undefined) return waiting;
  try {
    const args = ['--noheader', '--parsable2', '--allocations', '--jobs', job, '--format', 'State,Reason'];
    const past = await ask('sacct', args, env);
    if (past.code === 0) return parsed(past.stdout);
  } catch (error) {
    if (!(error instanceof EnvironmentError)) throw error;
  }
  return undefined;
}

/** The state in the first line `STATE|reason`. A cancelled job has `CANCELLED by 1000`. */
function parsed(text: string): JobState | undefined {
  const line = text.split('\n').find((each) => each.trim() !== '');
  const match = /^\s*([A-Z_]+)[^|]*\|(.*)$/u.exec(line ?? '');
  if (match === null) return undefined;
  const reason = shorten(neutralise(match[2]?.trim() ?? ''), 200);
  return { state: match[1] ?? '', reason: /^(None|\(null\))?$/u.test(reason) ? '' : reason };
}

/**
 * Puts a job back into the queue.
 * @returns Slurm's answer
 */
export async function requeue(job: string, env: NodeJS.ProcessEnv): Promise<SlurmAnswer> {
  return await ask('scontrol', ['requeue', job], env);
}

/**
 * Cancels a job.
 * @returns whether Slurm accepted
 */
export async function cancel(job: string, env: NodeJS.ProcessEnv): Promise<boolean> {
  return (await ask('scancel', [job], env)).code === 0;
}

/** The processes on the other nodes of a job. */
export interface OtherNodes {
  /** Resolves when they have ended; after so many milliseconds it ends them. */
  readonly ended: (limit: number) => Promise<void>;
}

/** Starts a command once on each node of the job except the first. Its output becomes part of the job's output. */
export function startOnOtherNodes(nodes: number, command: readonly string[], env: NodeJS.ProcessEnv): OtherNodes {
  const others = String(nodes - 1);
  const where = ['--nodes', others, '--ntasks', others, '--ntasks-per-node', '1', '--relative', '1'];
  const stdio = ['ignore', 'inherit', 'inherit'] as const;
  const child = spawn('srun', [...where, '--kill-on-bad-exit=1', ...command], { env, stdio: [...stdio] });
  const over = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    // Without srun the other nodes cannot join, which the run reports itself.
    child.once('error', () => resolve());
  });
  const ended = async (limit: number) => {
    const timer = setTimeout(() => child.kill('SIGKILL'), limit);
    await over;
    clearTimeout(timer);
  };
  return { ended };
}

const OVER = /^(COMPLETED|FAILED|CANCELLED|TIMEOUT|BOOT_FAIL|DEADLINE|NODE_FAIL|OUT_OF_MEMORY|REVOKED)$/u;

/** Whether a job in this state is over. A state that only later versions of Slurm know counts as running. */
export const isOver = ({ state }: JobState): boolean => OVER.test(state);
