/**
 * Calls the trainer's Python to draw samples into a folder, and updates the list of samples there as they are
 * finished.
 */
import { closeSync, constants, existsSync, readdirSync, readSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { UsageError } from '../../base/errors.ts';
import { writeFileAtomic } from '../../base/files/atomic.ts';
import { makeGivenFolder } from '../../base/files/given-place.ts';
import { sha256OfText } from '../../base/files/hash.ts';
import { openOurs, readOurs } from '../../base/files/regular-file.ts';
import { statOf } from '../../base/files/stat.ts';
import { explainWriteError } from '../../base/files/write-errors.ts';
import { packageRoot } from '../../base/package-root.ts';
import { runProgram } from '../environment/programs/run-program.ts';
import type { Plan } from '../plan/schema.ts';
import { trainerEnv } from '../supervisor/command.ts';
import type { SampleGrid } from './grid.ts';
import { SAMPLE_FILES, SAMPLE_VERSION, type SampleList, sampleListSchema } from './schema.ts';

/** The source of the weights: the checkpoints of a run, or files. */
export interface SampleSource {
  /** Folder of the run; null for files. */
  readonly run: string | null;
  readonly loras: readonly { readonly name: string; readonly path: string; readonly sha256: string | null }[];
}

export interface SampleWork {
  readonly plan: Plan;
  readonly source: SampleSource;
  readonly grid: SampleGrid;
  /** Folder of the samples. */
  readonly to: string;
  readonly python: string;
  readonly env: NodeJS.ProcessEnv;
  readonly extras: readonly string[];
  readonly signal: AbortSignal;
  readonly onSample: (file: string, done: number, total: number) => void;
  readonly onPhase: (detail: string) => void;
  readonly onNote: (level: 'info' | 'warn', text: string) => void;
}

const lineSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('sample'), file: z.string() }),
  z.object({ type: z.literal('phase'), detail: z.string() }),
  z.object({ type: z.literal('note'), level: z.enum(['info', 'warn']), text: z.string() }),
]);

const PROGRAM = {
  module: 'visiontrain_trainer.drawing',
  what: 'draws samples',
  id: 'sample/failed',
  killed: 'sample/memory',
  kept: 'What it had drawn is kept: the same command goes on.',
} as const;
/** Bytes of a PNG file up to the end of its size. */
const PNG_HEAD = 24;
/** Names of files that were being written when a process was killed. */
const LEFTOVER = /^\.(?:[0-9a-f]{12}|[^/]+\.png\.\d+)\.tmp$/u;
/** Most bytes of a list. */
const MOST_BYTES = 1 << 26;

/**
 * Draws the samples that the folder lacks, and returns the list of all. Samples that the same command drew before are
 * kept.
 * @throws UsageError when the folder holds something else, the program's own error, or the signal's reason
 */
export async function drawSamples(work: SampleWork): Promise<SampleList> {
  const { to, grid } = work;
  let list = listOf(work);
  const before = settleFolder(to, list.key);
  const sizes = new Map(grid.cells.map(({ file, shot }) => [file, grid.shots[shot]?.size]));
  const isThere = (file: string) => before && isPng(join(to, file), sizes.get(file));
  const put = (samples: SampleList['samples']) => {
    list = { ...list, samples };
    writeFileAtomic(join(to, SAMPLE_FILES.list), `${JSON.stringify(list, null, 1)}\n`);
  };
  try {
    put(list.samples.map((sample) => ({ ...sample, done: isThere(sample.file) })));
    const missing = grid.cells.filter(({ file }) => !isThere(file));
    if (missing.length > 0 || !isThere(SAMPLE_FILES.sheet)) {
      let done = grid.cells.length - missing.length;
      const onSample = (file: string) => {
        put(list.samples.map((sample) => (sample.file === file ? { ...sample, done: true } : sample)));
        done += 1;
        work.onSample(file, done, grid.cells.length);
      };
      await draw(work, missing, onSample);
    }
    for (const { name } of readdirSync(to, { withFileTypes: true }).filter((entry) => entry.isFile()))
      if (LEFTOVER.test(name)) rmSync(join(to, name), { force: true });
  } catch (error) {
    throw explainWriteError(error, to, 'Choose another place:  -o FOLDER');
  }
  return list;
}

async function draw(work: SampleWork, cells: SampleGrid['cells'], onSample: (file: string) => void): Promise<void> {
  const { plan, source, grid, to, python, signal } = work;
  const [job, log] = [join(to, SAMPLE_FILES.job), join(to, SAMPLE_FILES.log)];
  const request = {
    version: SAMPLE_VERSION,
    plan,
    run: source.run,
    loras: source.run === null ? source.loras.map(({ path, name }) => ({ path, name })) : [],
    looks: grid.looks,
    shots: grid.shots,
    to,
    cells,
    sheet: { file: SAMPLE_FILES.sheet, columns: grid.columns, rows: grid.rows, files: grid.files },
  };
  const text = JSON.stringify(request);
  writeFileAtomic(job, text, 0o600);
  const env = trainerEnv({
    packageRoot: packageRoot(),
    resources: plan.resources,
    env: work.env,
    extras: work.extras,
  });
  try {
    // Others may be able to write to a folder that the person named, and a job says which files are read and written.
    const argv = [job, sha256OfText(text)];
    await runProgram({ python, program: PROGRAM, argv, env, log, signal }, (value) => {
      const line = lineSchema.safeParse(value).data;
      if (line?.type === 'sample') onSample(line.file);
      else if (line?.type === 'phase') work.onPhase(line.detail);
      else if (line?.type === 'note') work.onNote(line.level, line.text);
    });
    rmSync(log, { force: true });
  } finally {
    rmSync(job, { force: true });
  }
}

/** Whether a plain PNG file lies there, of that size where one is named. A link, or another picture, is drawn over. */
function isPng(path: string, size?: readonly [number, number]): boolean {
  try {
    const file = openOurs(path, constants.O_RDONLY);
    try {
      const head = Buffer.alloc(PNG_HEAD);
      readSync(file, head, 0, PNG_HEAD, 0);
      const found = [head.readUInt32BE(16), head.readUInt32BE(20)];
      return head.toString('latin1', 1, 4) === 'PNG' && (size === undefined || isDeepStrictEqual(found, [...size]));
    } finally {
      closeSync(file);
    }
  } catch {
    return false;
  }
}

/**
 * Makes the folder, and returns whether it holds samples of the same command.
 * @throws UsageError when it holds others
 */
function settleFolder(to: string, key: string): boolean {
  if (statOf(to)?.isDirectory() === false)
    throw new UsageError(`${to} is there already, and is no folder.`, {
      id: 'file/exists',
      nextSteps: ['Choose a folder:  -o FOLDER'],
    });
  if (existsSync(to) && readdirSync(to).some((name) => !LEFTOVER.test(name))) {
    const text = readOurs(join(to, SAMPLE_FILES.list), MOST_BYTES)?.toString('utf8');
    if (keyIn(text) === key) return true;
    throw new UsageError(`${to} is not empty, and holds no samples of this command.`, {
      id: 'file/exists',
      nextSteps: ['Choose another folder:  -o FOLDER'],
    });
  }
  makeGivenFolder(to, '-o FOLDER');
  return false;
}

function keyIn(text: string | undefined): string | undefined {
  try {
    return sampleListSchema.safeParse(JSON.parse(text ?? '')).data?.key;
  } catch {
    return undefined;
  }
}

function listOf({ plan, source, grid }: SampleWork): SampleList {
  const { model, samples, resources } = plan;
  const { precision, vae_precision, base_precision, text_precision } = resources;
  const known = {
    model: { ...model, path: basename(model.path), config_dir: null, vae_path: model.vae_path },
    run: source.run === null ? null : plan.spec_sha256,
    loras: source.loras.map(({ name, sha256 }) => ({ name, sha256 })),
    formats: [precision, vae_precision, base_precision, text_precision],
    drawn: [samples.sampler, samples.spacing],
    grid,
  };
  return {
    version: SAMPLE_VERSION,
    key: sha256OfText(JSON.stringify(known)),
    base: { name: model.name, family: model.family, sha256: model.sha256 },
    run: source.run === null ? null : plan.name,
    loras: known.loras,
    sampler: samples.sampler,
    spacing: samples.spacing,
    columns: [...grid.columns],
    rows: [...grid.rows],
    grid: grid.files.map((row) => [...row]),
    samples: grid.cells.map(({ look, shot, file }) => {
      const { prompt, negative, seed, steps, guidance, size } = grid.shots[shot] as SampleGrid['shots'][number];
      const { step, strengths } = grid.looks[look] as SampleGrid['looks'][number];
      return {
        file,
        done: false,
        step,
        strengths: [...strengths],
        prompt,
        negative,
        seed,
        steps,
        guidance,
        size: [size[0], size[1]],
      };
    }),
    sheet: SAMPLE_FILES.sheet,
    page: SAMPLE_FILES.page,
  };
}
