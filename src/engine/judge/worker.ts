/** Runs the Python program that judges, and reads what it tells: one JSON object a line. */
import { spawn } from 'node:child_process';
import { closeSync, constants } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { z } from 'zod';
import { EnvironmentError, EXIT, TrainingError, type VisiontrainError } from '../../base/errors.ts';
import { openOurs } from '../../base/files/regular-file.ts';
import { packageRoot } from '../../base/package-root.ts';
import { signalGroup } from '../../base/process/group.ts';
import type { Plan } from '../plan/schema.ts';
import { RUN_FILES } from '../run-folder/layout.ts';
import { trainerEnv } from '../supervisor/command.ts';
import { JUDGE_VERSION, type JudgeRequest, type JudgeRow, judgeRowSchema } from './schema.ts';

export interface JudgeWork {
  readonly dir: string;
  readonly request: JudgeRequest;
  readonly python: string;
  readonly env: NodeJS.ProcessEnv;
  /** Folders with packages beside the environment. */
  readonly extras: readonly string[];
  readonly resources: Plan['resources'];
  readonly cacheDir: string;
  readonly signal: AbortSignal;
  readonly onRow: (row: JudgeRow) => void;
  readonly onProgress: (done: number, total: number) => void;
}

const lineSchema = z.discriminatedUnion('type', [
  judgeRowSchema.extend({ type: z.literal('row') }),
  z.object({ type: z.literal('progress'), done: z.number(), total: z.number() }),
  z.object({ type: z.literal('done') }),
  z.object({
    type: z.literal('error'),
    code: z.number(),
    reason: z.string(),
    details: z.array(z.string()),
    next_steps: z.array(z.string()),
  }),
]);

type Failure = Extract<z.infer<typeof lineSchema>, { type: 'error' }>;

/**
 * Tells each row as it is done. Samples that were drawn before the end are kept.
 * @throws the worker's own error, EnvironmentError when it dies, or the signal's reason
 */
export async function runJudge(work: JudgeWork): Promise<void> {
  const { dir, request, signal } = work;
  signal.throwIfAborted();
  const log = join(dir, RUN_FILES.judgeLog);
  const out = openOurs(log, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT);
  const root = packageRoot();
  const env = {
    ...trainerEnv({ packageRoot: root, resources: work.resources, env: work.env, extras: work.extras }),
    VISIONTRAIN_CACHE_DIR: work.cacheDir,
  };
  const job = JSON.stringify({ version: JUDGE_VERSION, ...request });
  const child = spawn(work.python, ['-m', 'visiontrain_trainer.judging', dir, job], {
    cwd: join(root, 'trainer'),
    env,
    detached: true,
    stdio: ['ignore', 'pipe', out],
  });
  closeSync(out);
  // Each sample is written whole, so that the worker can be ended at any moment.
  const abort = () => signalGroup(child.pid as number, 'SIGKILL');
  signal.addEventListener('abort', abort, { once: true });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  ended.catch(() => undefined);
  try {
    const failure = await told(child.stdout as Readable, work);
    const code = await ended;
    signal.throwIfAborted();
    if (failure !== undefined) throw failureOf(failure);
    if (code !== 0) throw died(code, log);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

async function told(stdout: Readable, { onRow, onProgress }: JudgeWork): Promise<Failure | undefined> {
  let failure: Failure | undefined;
  for await (const line of createInterface({ input: stdout })) {
    const said = lineSchema.safeParse(parsed(line)).data;
    if (said?.type === 'progress') onProgress(said.done, said.total);
    else if (said?.type === 'error') failure = said;
    else if (said?.type === 'row') {
      const { type: _type, ...row } = said;
      onRow(row);
    }
  }
  return failure;
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function failureOf({ code, reason, details, next_steps: nextSteps }: Failure): VisiontrainError {
  const Kind = code === EXIT.environment ? EnvironmentError : TrainingError;
  return new Kind(reason, { id: 'judge/failed', details, nextSteps });
}

const died = (code: number | null, log: string) =>
  new EnvironmentError(
    code === null
      ? 'The program that judges was ended, most likely for lack of memory.'
      : `The program that judges ended with code ${code} and did not say why.`,
    {
      id: 'judge/failed',
      details: [`What it printed: ${log}`],
      nextSteps: ['What it had drawn is kept: start it again.'],
    },
  );
