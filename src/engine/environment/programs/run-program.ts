/**
 * Runs a Python program of ours that works on images and reports its progress, one JSON object a line. Each of its
 * results is written whole, so that it can be ended at any moment.
 */
import { spawn } from 'node:child_process';
import { closeSync, constants } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { z } from 'zod';
import type { ErrorId } from '../../../base/error-catalogue.ts';
import { EnvironmentError, TrainingError, type VisiontrainError } from '../../../base/errors.ts';
import { openOurs } from '../../../base/files/regular-file.ts';
import { packageRoot } from '../../../base/package-root.ts';
import { signalGroup } from '../../../base/process/group.ts';
import { failureShape, programError } from './program-error.ts';

interface Program {
  /** Name of the Python module. */
  readonly module: string;
  /** What the program does, in words that follow "The program that". */
  readonly what: string;
  /** Id of the error when it dies, or reports none. */
  readonly id: ErrorId;
  /** Id of the error when the system ended it, as it does for lack of memory; else `id`. */
  readonly killed?: ErrorId;
  /** What the person should do when it died. */
  readonly kept: string;
}

export interface ProgramInput {
  readonly python: string;
  readonly program: Program;
  /** Arguments of the module. */
  readonly argv: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** File to which all other output of the program is appended. */
  readonly log: string;
  readonly signal: AbortSignal;
}

const endSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('done') }),
  z.object({ type: z.literal('error'), ...failureShape }),
]);

/**
 * Runs the program to its end.
 * @param onLine called with each line that is JSON and not the program's end
 * @throws the program's own error, EnvironmentError when it dies, or the signal's reason
 */
export async function runProgram(input: ProgramInput, onLine: (value: unknown) => void): Promise<void> {
  const { python, program, argv, env, log, signal } = input;
  signal.throwIfAborted();
  const out = openOurs(log, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT);
  const child = spawn(python, ['-m', program.module, ...argv], {
    cwd: join(packageRoot(), 'trainer'),
    // The program ends when its stdin does, which the kernel closes when this process is killed.
    env: { ...env, VISIONTRAIN_OWNED: '1' },
    detached: true,
    stdio: ['pipe', 'pipe', out],
  });
  child.stdin?.on('error', () => undefined);
  closeSync(out);
  const abort = () => {
    if (child.pid !== undefined) signalGroup(child.pid, 'SIGKILL');
  };
  signal.addEventListener('abort', abort, { once: true });
  let failure: VisiontrainError | undefined;
  let done = false;
  const ended = new Promise<End>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
  // `ended` reports a failed start, and the lines then end at once.
  ended.catch(() => undefined);
  try {
    for await (const line of createInterface({ input: child.stdout as Readable })) {
      const value = parsed(line);
      const end = endSchema.safeParse(value);
      if (!end.success) onLine(value);
      else if (end.data.type === 'error') failure = programError(end.data, program.id, TrainingError);
      else done = true;
    }
    const end = await ended.catch((error: unknown) => {
      throw new EnvironmentError(`The program that ${program.what} could not be started: ${python}`, {
        id: program.id,
        cause: error,
      });
    });
    signal.throwIfAborted();
    if (failure !== undefined) throw failure;
    if (end.code !== 0 || !done) throw died(end, log, program);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

interface End {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

function died({ code, signal }: End, log: string, { what, id, killed = id, kept }: Program): EnvironmentError {
  const isKilled = signal === 'SIGKILL';
  const how = isKilled
    ? 'was ended, most likely for lack of memory.'
    : signal === null
      ? `ended with code ${code} and did not say why.`
      : `was ended by ${signal}.`;
  const facts = { id: isKilled ? killed : id, details: [`What it printed: ${log}`], nextSteps: [kept] };
  return new EnvironmentError(`The program that ${what} ${how}`, facts);
}
