/** Has the trainer's Python write the LoRA of a checkpoint. Neither the base model nor a card is needed. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { EnvironmentError, UsageError } from '../../base/errors.ts';
import { packageRoot } from '../../base/package-root.ts';
import type { Plan } from '../plan/schema.ts';
import { trainerEnv } from '../supervisor/command.ts';

/** What `trainer/visiontrain_trainer/run/export.py` reads. */
export interface ExportRequest {
  readonly kind: 'step' | 'best' | 'last' | 'average';
  /** The step; for `average` how many of the newest checkpoints, 0 for all; else 0. */
  readonly number: number;
  /** Absolute path of the folder for the files. */
  readonly to: string;
  /** Number format of the files; null for the run's. */
  readonly precision: Plan['output']['precision'] | null;
  /** Whether a file with diffusers names is written too, even if the run wrote none. */
  readonly diffusers: boolean;
}

export interface ExportedFile {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly format: 'kohya' | 'diffusers';
  /** False for a file that was there already, with the same bytes. */
  readonly made: boolean;
}

export interface Exported {
  /** The step of the checkpoint, or of the newest of several. */
  readonly step: number;
  readonly files: readonly ExportedFile[];
}

interface Failure {
  readonly reason: string;
  readonly details: readonly string[];
  readonly next_steps: readonly string[];
  readonly code: number;
}

export interface ExportTools {
  readonly python: string;
  readonly env: NodeJS.ProcessEnv;
  readonly resources: Plan['resources'];
}

/** @throws UsageError, EnvironmentError with what the trainer says of it */
export async function exportRun(dir: string, request: ExportRequest, tools: ExportTools): Promise<Exported> {
  const root = packageRoot();
  const env = trainerEnv({ packageRoot: root, resources: tools.resources, env: tools.env });
  const argv = ['-m', 'visiontrain_trainer.run.export', dir, JSON.stringify(request)];
  const { stdout, stderr } = await new Promise<{ stdout: string; stderr: string }>((resolve) => {
    const options = { cwd: join(root, 'trainer'), env, maxBuffer: 1 << 24 };
    execFile(tools.python, argv, options, (_error, out, err) => resolve({ stdout: out, stderr: err }));
  });
  const answer = answerIn(stdout);
  if (answer === undefined)
    throw new EnvironmentError("The trainer's Python could not export the LoRA.", {
      id: 'environment/trainer',
      details: stderr.trim().split('\n').slice(-5),
      nextSteps: ['visiontrain setup'],
    });
  if ('files' in answer) return answer;
  const { reason, details, next_steps: nextSteps, code } = answer.error;
  throw code === 3
    ? new EnvironmentError(reason, { id: 'disk/write-failed', details, nextSteps })
    : new UsageError(reason, { id: 'run/no-export', details, nextSteps });
}

/** The last line of stdout, if it is an answer. */
function answerIn(stdout: string): Exported | { readonly error: Failure } | undefined {
  try {
    return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Exported | { readonly error: Failure };
  } catch {
    return undefined;
  }
}
