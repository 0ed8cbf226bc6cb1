/** Runs the Python program that makes masks, with everything it needs: packages and models. */
import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { writeFileAtomic } from '../../base/files/atomic.ts';
import { makePrivateFolder } from '../../base/files/private-folder.ts';
import { packageRoot } from '../../base/package-root.ts';
import type { Places } from '../../base/paths.ts';
import { loadRegistry } from '../../registry/catalogue/load.ts';
import { readyAsset } from '../../registry/fetch/ready-asset.ts';
import type { MaskFind } from '../../spec/training/subject-keys.ts';
import type { PythonEnvironment } from '../environment/check.ts';
import { EXTRAS, ensureExtra } from '../environment/extras.ts';
import { runProgram } from '../environment/programs/run-program.ts';
import { ourPython } from '../environment/variables.ts';
import type { StepTools } from '../events/step-tools.ts';
import { type Finder, maskFinders, masksDir } from './made.ts';

export interface MaskingInput {
  readonly root: string;
  readonly images: readonly { readonly path: string; readonly sha256: string }[];
  readonly finders: readonly Finder[];
  readonly places: Places;
  readonly env: NodeJS.ProcessEnv;
  readonly environment: PythonEnvironment;
  /** Name of the device in torch. */
  readonly device: string;
  readonly threads: number;
  readonly log: string;
}

export interface MaskingResult {
  /** Images without a mask, each with the reason. */
  readonly failed: readonly { readonly path: string; readonly reason: string }[];
  /** Images in which something was not found. An image in which nothing was found is learned whole. */
  readonly nothing: readonly { readonly path: string; readonly kinds: readonly string[] }[];
}

const lineSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('progress'), done: z.number(), total: z.number(), rate: z.number().optional() }),
  z.object({ type: z.literal('failed'), path: z.string(), reason: z.string() }),
  z.object({ type: z.literal('nothing'), path: z.string(), kinds: z.array(z.string()) }),
]);

const PROGRAM = {
  module: 'visiontrain_trainer.masking',
  what: 'makes masks',
  id: 'masks/failed',
  kept: 'The masks that it had made are kept: start it again.',
} as const;

/**
 * The finders with their models on this disk. A model of which nothing is pinned is known by its bytes only then.
 * @throws DownloadError, EnvironmentError, or the signal's reason
 */
export async function readyFinders(
  finds: readonly MaskFind[],
  { places, env }: Pick<MaskingInput, 'places' | 'env'>,
  tools: StepTools,
): Promise<readonly Finder[]> {
  const find = () => maskFinders(finds, { registry: loadRegistry({ configDir: places.config }), places });
  const { signal } = tools;
  for (const { entry } of find())
    await readyAsset(entry, {
      ...{ places, env, signal },
      onStart: ({ title }) => tools.phase(`fetching ${title}`),
      onProgress: tools.progress,
    });
  return find();
}

/**
 * Makes the masks that are missing.
 * @throws DownloadError, EnvironmentError or TrainingError; masks that were made before are kept
 */
export async function makeMasks(input: MaskingInput, tools: StepTools): Promise<MaskingResult> {
  const { places, env, finders, images, root, device, threads, environment } = input;
  // What a prompt names is found by a package that is there already.
  const isOnnx = finders.some(({ kind }) => kind !== 'prompt');
  const folder = !isOnnx
    ? null
    : await ensureExtra(EXTRAS.captions, {
        ...{ places, env, environment, signal: tools.signal },
        onProgress: ({ item, done, total, detail }) =>
          tools.progress({ item, unit: 'packages', done, total, ...(detail === undefined ? {} : { detail }) }),
      });
  const store = masksDir(places, finders);
  makePrivateFolder(store);
  const job = join(store, `.job-${process.pid}-${randomBytes(4).toString('hex')}.json`);
  const wanted = images.map(({ path, sha256 }) => ({ path, sha256 }));
  const models = finders.map(({ kind, model, range, prompt }) => ({ kind, model, range, prompt }));
  writeFileAtomic(job, JSON.stringify({ version: 1, root, store, device, threads, images: wanted, finders: models }));
  const failed: { path: string; reason: string }[] = [];
  const nothing: { path: string; kinds: string[] }[] = [];
  const extras = [...(environment.extras ?? []), ...(folder === null ? [] : [folder])];
  const own = ourPython({ env, packageRoot: packageRoot(), threads, extras });
  const program = { python: environment.python, argv: [job], program: PROGRAM, env: own, log: input.log };
  try {
    await runProgram({ ...program, signal: tools.signal }, (value) => {
      const line = lineSchema.safeParse(value);
      if (!line.success) return;
      if (line.data.type === 'failed') failed.push(line.data);
      else if (line.data.type === 'nothing') nothing.push(line.data);
      else {
        const { done, total, rate } = line.data;
        tools.progress({ item: 'masks', unit: 'images', done, total, ...(rate === undefined ? {} : { rate }) });
      }
    });
  } finally {
    rmSync(job, { force: true });
  }
  return { failed, nothing };
}
