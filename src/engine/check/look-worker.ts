/** Runs a Python program that examines new images, and counts the tokens of captions. */
import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { writeFileAtomic } from '../../base/files/atomic.ts';
import { makePrivateFolder } from '../../base/files/private-folder.ts';
import { packageRoot } from '../../base/package-root.ts';
import { runProgram } from '../environment/programs/run-program.ts';
import { ourPython } from '../environment/variables.ts';
import { type Crop, type CropAsk, cropSchema } from './crops.ts';
import { type Mark, markSchema } from './marks.ts';

export interface LookInput {
  readonly python: string;
  /** Folders with further packages. */
  readonly extras: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly threads: number;
  readonly root: string;
  /** Folder for the results. */
  readonly store: string;
  readonly images: readonly { readonly path: string; readonly sha256: string }[];
  /** Images of which a preview is made that a terminal can show. */
  readonly previews?: readonly { readonly path: string; readonly sha256: string }[];
  /** Images whose crop is asked for. */
  readonly crops?: readonly CropAsk[];
  /** SHA-256 of the images that are compared for marks. */
  readonly marks?: readonly string[];
  readonly captions: readonly string[];
  /** Folder of the tokenizer; null to count none. */
  readonly tokenizer: string | null;
  readonly signal: AbortSignal;
  readonly onProgress: (done: number, total: number) => void;
}

export interface LookResult {
  /** Tokens of each caption; undefined without a tokenizer. */
  readonly tokens: readonly number[] | undefined;
  /** The crops that were asked for; undefined when the program did not come to them. */
  readonly crops: readonly (Crop | null)[] | undefined;
  /** The marks that were found; undefined when the program did not come to them. */
  readonly marks: readonly Mark[] | undefined;
  readonly failed: readonly { readonly path: string; readonly reason: string }[];
}

const lineSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('progress'), done: z.number(), total: z.number() }),
  z.object({ type: z.literal('failed'), path: z.string(), reason: z.string() }),
  z.object({ type: z.literal('crops'), crops: z.array(cropSchema.nullable()) }),
  z.object({ type: z.literal('marks'), marks: z.array(markSchema) }),
  z.object({ type: z.literal('tokens'), counts: z.array(z.number().int().min(0)) }),
]);

const PROGRAM = {
  module: 'visiontrain_trainer.inspection',
  what: 'looks at images',
  id: 'dataset/look',
  kept: 'What it has seen is kept: start it again.',
} as const;

/**
 * Runs the program.
 * @throws the program's own error, EnvironmentError when it dies, or the signal's reason; results until then are kept
 */
export async function lookAtImages(input: LookInput): Promise<LookResult> {
  const { store, root, threads, images, captions, tokenizer, extras, env } = input;
  makePrivateFolder(store);
  const job = join(store, `.job-${process.pid}-${randomBytes(4).toString('hex')}.json`);
  const lean = (all: LookInput['images']) => all.map(({ path, sha256 }) => ({ path, sha256 }));
  const wanted = {
    images: lean(images),
    previews: lean(input.previews ?? []),
    crops: input.crops ?? [],
    marks: input.marks ?? [],
  };
  writeFileAtomic(job, JSON.stringify({ version: 1, root, store, threads, ...wanted, captions, tokenizer }));
  const failed: { path: string; reason: string }[] = [];
  let tokens: readonly number[] | undefined;
  let crops: LookResult['crops'];
  let marks: LookResult['marks'];
  try {
    const own = ourPython({ env, packageRoot: packageRoot(), threads: 1, extras });
    await runProgram({ ...input, argv: [job], program: PROGRAM, env: own, log: join(store, 'look.log') }, (value) => {
      const line = lineSchema.safeParse(value);
      if (!line.success) return;
      if (line.data.type === 'progress') input.onProgress(line.data.done, line.data.total);
      else if (line.data.type === 'failed') failed.push({ path: line.data.path, reason: line.data.reason });
      else if (line.data.type === 'crops') crops = line.data.crops;
      else if (line.data.type === 'marks') marks = line.data.marks;
      else tokens = line.data.counts;
    });
  } finally {
    rmSync(job, { force: true });
  }
  return {
    tokens: tokenizer !== null && tokens?.length === captions.length ? tokens : undefined,
    crops,
    marks,
    failed,
  };
}
