/** Runs the Python program that judges, and reads its reports: one JSON object a line. */
import { join } from 'node:path';
import { z } from 'zod';
import { packageRoot } from '../../base/package-root.ts';
import { runProgram } from '../environment/programs/run-program.ts';
import type { Plan } from '../plan/schema.ts';
import { RUN_FILES } from '../run-folder/layout.ts';
import { trainerEnv } from '../supervisor/command.ts';
import { JUDGE_VERSION, type JudgeRequest, type JudgeRow, judgeRowSchema } from './schema.ts';

export interface JudgeWork {
  readonly dir: string;
  readonly request: JudgeRequest;
  readonly python: string;
  readonly env: NodeJS.ProcessEnv;
  /** Folders with further packages. */
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
]);

const PROGRAM = {
  module: 'visiontrain_trainer.judging',
  what: 'judges',
  id: 'judge/failed',
  killed: 'judge/memory',
  kept: 'What it had drawn is kept: start it again.',
} as const;

/**
 * Judges, and reports each row when it is finished. Samples that were drawn before an interruption are kept.
 * @throws the program's own error, EnvironmentError when it dies, or the signal's reason
 */
export async function runJudge(work: JudgeWork): Promise<void> {
  const { dir, request, python, signal, onRow, onProgress } = work;
  const env = {
    ...trainerEnv({ packageRoot: packageRoot(), resources: work.resources, env: work.env, extras: work.extras }),
    VISIONTRAIN_CACHE_DIR: work.cacheDir,
  };
  const argv = [dir, JSON.stringify({ version: JUDGE_VERSION, ...request })];
  await runProgram({ python, program: PROGRAM, argv, env, log: join(dir, RUN_FILES.judgeLog), signal }, (value) => {
    const line = lineSchema.safeParse(value).data;
    if (line?.type === 'progress') onProgress(line.done, line.total);
    else if (line?.type === 'row') {
      const { type: _type, ...row } = line;
      onRow(row);
    }
  });
}
