/** Has the trainer's Python resize, merge or convert LoRA files. Only numpy is loaded: no torch, no base model. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { EnvironmentError, UsageError } from '../../base/errors.ts';
import { packageRoot } from '../../base/package-root.ts';
import { ourPython } from '../environment/variables.ts';

/** What `trainer/visiontrain_trainer/lora_tools/__main__.py` reads. */
export interface LoraRequest {
  readonly action: 'resize' | 'merge' | 'convert';
  readonly sources: readonly { readonly path: string; readonly strength?: number }[];
  /** Absolute path of the new file. */
  readonly to: string;
  /** The most that a layer gets; null keeps the ranks. */
  readonly rank: number | null;
  /** How much of a layer is kept, by the rule `by`; null keeps what the rank can. */
  readonly keep: number | null;
  readonly by: 'fro' | 'sum' | 'ratio' | null;
  readonly form: 'kohya' | 'diffusers';
  /** Number format of the new file; null for that of the first file. */
  readonly precision: 'fp32' | 'bf16' | 'fp16' | null;
}

export interface LoraAnswer {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly ranks: readonly number[];
  /** The lost part of the weight change of each layer that was resized, ‖lost‖ ÷ ‖all‖. */
  readonly lost: Readonly<Record<string, number>>;
}

interface Failure {
  readonly reason: string;
  readonly details: readonly string[];
  readonly next_steps: readonly string[];
  readonly code: number;
}

/** @throws UsageError, EnvironmentError with what Python says of it */
export async function runLoraTool(request: LoraRequest, python: string, env: NodeJS.ProcessEnv): Promise<LoraAnswer> {
  const root = packageRoot();
  const options = {
    cwd: join(root, 'trainer'),
    env: ourPython({ env, packageRoot: root, threads: 2, extras: [] }),
    maxBuffer: 1 << 26,
  };
  const argv = ['-m', 'visiontrain_trainer.lora_tools', JSON.stringify(request)];
  const { stdout, stderr } = await new Promise<{ stdout: string; stderr: string }>((resolve) => {
    execFile(python, argv, options, (_error, out, err) => resolve({ stdout: out, stderr: err }));
  });
  const answer = answerIn(stdout);
  if (answer === undefined)
    throw new EnvironmentError("The trainer's Python could not make the file.", {
      id: 'environment/trainer',
      details: stderr.trim().split('\n').slice(-5),
      nextSteps: ['visiontrain setup'],
    });
  if ('path' in answer) return answer;
  const { reason, details, next_steps: nextSteps, code } = answer.error;
  throw code === 3
    ? new EnvironmentError(reason, { id: 'disk/write-failed', details, nextSteps })
    : new UsageError(reason, { id: 'lora/not-made', details, nextSteps });
}

function answerIn(stdout: string): LoraAnswer | { readonly error: Failure } | undefined {
  try {
    return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as LoraAnswer | { readonly error: Failure };
  } catch {
    return undefined;
  }
}
