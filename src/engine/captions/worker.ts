/** Runs the Python program that writes captions, and reads what it tells: one JSON object a line. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, constants, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { z } from 'zod';
import { EnvironmentError, EXIT, TrainingError, type VisiontrainError } from '../../base/errors.ts';
import { writeFileAtomic } from '../../base/files/atomic.ts';
import { makePrivateFolder } from '../../base/files/private-folder.ts';
import { openOurs } from '../../base/files/regular-file.ts';
import { packageRoot } from '../../base/package-root.ts';
import { signalGroup } from '../../base/process/group.ts';
import { ourPython } from '../environment/variables.ts';
import type { Method } from './methods.ts';

export interface CaptionImage {
  /** Path relative to the root. */
  readonly path: string;
  readonly sha256: string;
}

export interface WorkerInput {
  readonly python: string;
  /** Folders of extras. */
  readonly extras: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly root: string;
  readonly store: string;
  readonly images: readonly CaptionImage[];
  readonly methods: readonly Method[];
  readonly device: string;
  readonly threads: number;
  /** File that everything else the program prints is appended to. */
  readonly log: string;
  readonly signal: AbortSignal;
}

export interface WorkerProgress {
  readonly method: string;
  readonly done: number;
  readonly total: number;
  /** Images a second. */
  readonly rate?: number | undefined;
}

export interface WorkerListener {
  readonly progress: (progress: WorkerProgress) => void;
  readonly failed: (path: string, reason: string) => void;
}

const JOB_VERSION = 1;

const lineSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('progress'),
    method: z.string(),
    done: z.number(),
    total: z.number(),
    rate: z.number().optional(),
  }),
  z.object({ type: z.literal('failed'), path: z.string(), reason: z.string() }),
  z.object({ type: z.literal('loading'), method: z.string() }),
  z.object({ type: z.literal('done') }),
  z.object({
    type: z.literal('error'),
    code: z.number(),
    reason: z.string(),
    details: z.array(z.string()),
    next_steps: z.array(z.string()),
  }),
]);

/** Variables that an endpoint is reached with; the key itself comes from a variable that the person named. */
const NETWORK = /^(https?|all|no)_proxy$|^SSL_CERT_(FILE|DIR)$/i;

/**
 * Writes the captions that are missing. What is made before it fails, or is ended, is kept.
 * @throws the worker's own error, EnvironmentError when it dies, or the signal's reason
 */
export async function runWorker(input: WorkerInput, on: WorkerListener): Promise<void> {
  makePrivateFolder(input.store);
  const file = join(input.store, `.job-${process.pid}-${randomBytes(4).toString('hex')}.json`);
  writeFileAtomic(file, JSON.stringify(jobOf(input)));
  try {
    await spawned(file, input, on);
  } finally {
    rmSync(file, { force: true });
  }
}

function jobOf({ root, store, device, threads, images, methods }: WorkerInput) {
  return {
    version: JOB_VERSION,
    root,
    store,
    device,
    threads,
    images: images.map(({ path, sha256 }) => ({ path, sha256 })),
    methods: methods.map(({ kind, key, name, settings }) => ({ kind, key, name, settings })),
  };
}

async function spawned(job: string, input: WorkerInput, on: WorkerListener): Promise<void> {
  const { python, log, signal } = input;
  signal.throwIfAborted();
  const out = openOurs(log, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT);
  const child = spawn(python, ['-m', 'visiontrain_trainer.captioning', job], {
    cwd: join(packageRoot(), 'trainer'),
    env: workerEnv(input),
    detached: true,
    stdio: ['ignore', 'pipe', out],
  });
  closeSync(out);
  // Each result is written whole, so that the worker can be ended at any moment.
  const abort = () => signalGroup(child.pid as number, 'SIGKILL');
  signal.addEventListener('abort', abort, { once: true });
  let failure: VisiontrainError | undefined;
  let done = false;
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  // A failed start is told by `ended`, and the lines then end at once.
  ended.catch(() => undefined);
  try {
    for await (const line of createInterface({ input: child.stdout as Readable })) {
      const said = lineSchema.safeParse(parsed(line));
      if (!said.success) continue;
      if (said.data.type === 'progress') on.progress(said.data);
      else if (said.data.type === 'failed') on.failed(said.data.path, said.data.reason);
      else if (said.data.type === 'error') failure = workerError(said.data);
      else if (said.data.type === 'done') done = true;
    }
    const code = await ended.catch((error: unknown) => {
      throw new EnvironmentError(`The program that writes captions could not be started: ${python}`, {
        id: 'captions/failed',
        cause: error,
      });
    });
    signal.throwIfAborted();
    if (failure !== undefined) throw failure;
    if (code !== 0 || !done) throw died(code, log);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

function workerEnv({ env, threads, extras, methods }: WorkerInput): NodeJS.ProcessEnv {
  const own = ourPython({ env, packageRoot: packageRoot(), threads, extras });
  const keys = methods.flatMap(({ settings }) => (typeof settings.key_env === 'string' ? [settings.key_env] : []));
  const isEndpoint = methods.some(({ kind }) => kind === 'endpoint');
  const added = Object.entries(env).filter(([name]) => (isEndpoint && NETWORK.test(name)) || keys.includes(name));
  return { ...own, ...Object.fromEntries(added) };
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function workerError({
  code,
  reason,
  details,
  next_steps: nextSteps,
}: {
  readonly code: number;
  readonly reason: string;
  readonly details: readonly string[];
  readonly next_steps: readonly string[];
}): VisiontrainError {
  const Kind = code === EXIT.environment ? EnvironmentError : TrainingError;
  return new Kind(reason, { id: 'captions/failed', details, nextSteps });
}

const died = (code: number | null, log: string) =>
  new EnvironmentError(
    code === null
      ? 'The program that writes captions was ended, most likely for lack of memory.'
      : `The program that writes captions ended with code ${code} and did not say why.`,
    {
      id: 'captions/failed',
      details: [`What it printed: ${log}`],
      nextSteps: ['The captions that it had written are kept: start it again.'],
    },
  );
