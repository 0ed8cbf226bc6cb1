/** Runs a program of the trainer that answers with one line of JSON, and turns its failure into an error. */
import { join } from 'node:path';
import { execa } from 'execa';
import { z } from 'zod';
import type { ErrorId } from '../../../base/error-catalogue.ts';
import { EnvironmentError, EXIT, UsageError } from '../../../base/errors.ts';
import { packageRoot } from '../../../base/package-root.ts';
import { failureShape, programError } from './program-error.ts';

export interface PythonQuestion {
  readonly python: string;
  readonly env: NodeJS.ProcessEnv;
  /** The Python module, and its arguments. */
  readonly module: string;
  readonly argv: readonly string[];
  /** Text for its stdin; empty when missing. */
  readonly input?: string;
  /** What could not be done when it ends without an answer, as in `export the LoRA`. */
  readonly task: string;
  /** Id of the error when the program says that the request cannot be done, and names no other id. */
  readonly refused: ErrorId;
}

/** Most bytes of an answer. */
const MOST_BYTES = 1 << 26;

/**
 * Runs the program and returns its answer.
 * @throws UsageError, EnvironmentError with the error that Python reports
 */
export async function askPython<T extends object>(question: PythonQuestion): Promise<T> {
  const { python, env, module, argv, task, refused, input } = question;
  const { stdout, stderr } = await execa(python, ['-m', module, ...argv], {
    cwd: join(packageRoot(), 'trainer'),
    env,
    extendEnv: false,
    reject: false,
    maxBuffer: MOST_BYTES,
    ...(input === undefined ? {} : { input }),
  });
  const answer = answerIn<T>(stdout ?? '');
  if (answer === undefined)
    throw new EnvironmentError(`The trainer's Python could not ${task}.`, {
      id: 'environment/trainer',
      details: (stderr ?? '').trim().split('\n').slice(-5),
      nextSteps: ['visiontrain setup'],
    });
  if (!('error' in answer)) return answer;
  const failure = z.object(failureShape).parse(answer.error);
  throw programError(failure, failure.code === EXIT.environment ? 'disk/write-failed' : refused, UsageError);
}

/** The answer in the last line of stdout; undefined when that is none. */
function answerIn<T>(stdout: string): T | { readonly error: unknown } | undefined {
  try {
    const answer: unknown = JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
    return typeof answer === 'object' && answer !== null ? (answer as T) : undefined;
  } catch {
    return undefined;
  }
}
