/** Runs the Python program that writes captions, and reads its reports: one JSON object a line. */
import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { writeFileAtomic } from '../../base/files/atomic.ts';
import { makePrivateFolder } from '../../base/files/private-folder.ts';
import { packageRoot } from '../../base/package-root.ts';
import { runProgram } from '../environment/programs/run-program.ts';
import { ourPython } from '../environment/variables.ts';
import type { Method } from './methods.ts';

export interface CaptionImage {
  /** Path relative to the root. */
  readonly path: string;
  readonly sha256: string;
}

export interface WorkerInput {
  readonly python: string;
  /** Folders of extra packages. */
  readonly extras: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly root: string;
  readonly store: string;
  readonly images: readonly CaptionImage[];
  readonly methods: readonly Method[];
  readonly device: string;
  readonly threads: number;
  /** File to which all other output of the program is appended. */
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
]);

/** Variables for connecting to an endpoint; the key itself comes from a variable that the person named. */
const NETWORK = /^(https?|all|no)_proxy$|^SSL_CERT_(FILE|DIR)$/i;

/**
 * Writes the captions that are missing. Captions that were made before a failure or an end are kept.
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
  const program = {
    module: 'visiontrain_trainer.captioning',
    what: 'writes captions',
    id: 'captions/failed',
    kept: 'The captions that it had written are kept: start it again.',
  } as const;
  await runProgram({ ...input, argv: [job], program, env: workerEnv(input) }, (value) => {
    const line = lineSchema.safeParse(value);
    if (!line.success) return;
    if (line.data.type === 'progress') on.progress(line.data);
    else if (line.data.type === 'failed') on.failed(line.data.path, line.data.reason);
  });
}

function workerEnv({ env, threads, extras, methods }: WorkerInput): NodeJS.ProcessEnv {
  const own = ourPython({ env, packageRoot: packageRoot(), threads, extras });
  const keys = methods.flatMap(({ settings }) => (typeof settings.key_env === 'string' ? [settings.key_env] : []));
  const isEndpoint = methods.some(({ kind }) => kind === 'endpoint');
  const added = Object.entries(env).filter(([name]) => (isEndpoint && NETWORK.test(name)) || keys.includes(name));
  return { ...own, ...Object.fromEntries(added) };
}
