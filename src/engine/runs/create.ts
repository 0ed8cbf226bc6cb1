import { mkdirSync, rmSync } from 'node:fs';
import { arch, cpus, hostname, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { writeFileAtomic } from '../../base/files/atomic.ts';
import { makeFolder } from '../../base/files/folder.ts';
import { explainWriteError } from '../../base/files/write-errors.ts';
import { packageVersion } from '../../base/package-root.ts';
import type { Plan } from '../plan/schema.ts';
import { RUN_FILES } from '../run-folder/layout.ts';
import { refuseForeignFolder } from './trust.ts';

export interface RunRef {
  /** Name of the run's folder, unique in its parent folder. */
  readonly name: string;
  readonly dir: string;
}

export interface NewRun {
  /** Requested name; `-2`, `-3` … is added when the name is taken. */
  readonly name: string;
  /** run.yaml with every key, and with absolute paths, so that it means the same from the run folder. */
  readonly yaml: string;
  readonly plan: Plan;
  /** Hashes of the images whose captions are written before the training. */
  readonly uncaptioned?: readonly string[];
  /** Sample prompts that those captions may replace. */
  readonly openPrompts?: readonly string[] | undefined;
  /** Folder of all runs; it is made when it is missing. */
  readonly runs: string;
  /** Settings for beside.json: hooks, logging, and whether the run is judged at the end. */
  readonly beside?: Readonly<Record<string, unknown>>;
  /** Facts about the machine and the environment for env.json, in addition to those that `createRun` reads itself. */
  readonly facts?: Readonly<Record<string, unknown>>;
}

/**
 * Makes the folder of a new run, whole or not at all. plan.json comes last, and a folder without one is no run.
 * @throws EnvironmentError when the place cannot be written to, or when others could change files in it
 */
export function createRun({ name, yaml, plan, runs, beside, facts = {}, ...captions }: NewRun): RunRef {
  const { uncaptioned = [], openPrompts: prompts } = captions;
  try {
    makeFolder(runs, PRIVATE.mode);
    const run = claimName(runs, name);
    try {
      // Other users who may write here could steer the run, so the folder is refused before anything is put into it.
      refuseForeignFolder(run.dir);
      for (const folder of [RUN_FILES.control, RUN_FILES.checkpoints, RUN_FILES.samples, RUN_FILES.output])
        mkdirSync(join(run.dir, folder), PRIVATE);
      writeFileAtomic(join(run.dir, RUN_FILES.spec), yaml);
      writeFileAtomic(join(run.dir, RUN_FILES.environment), toJson({ ...machineFacts(), ...facts }));
      if (uncaptioned.length > 0)
        writeFileAtomic(join(run.dir, RUN_FILES.captions), toJson({ pending: uncaptioned, prompts }));
      if (beside !== undefined) writeFileAtomic(join(run.dir, RUN_FILES.beside), toJson(beside));
      writeFileAtomic(join(run.dir, RUN_FILES.plan), toJson(plan));
    } catch (error) {
      rmSync(run.dir, { recursive: true, force: true });
      throw error;
    }
    return run;
  } catch (error) {
    throw explainWriteError(error, runs);
  }
}

/** Captions, samples and the LoRA are private, and anybody who can write to the folder controls the run. */
const PRIVATE = { mode: 0o700 };

const LONGEST_NAME = 100;

function claimName(runs: string, name: string): RunRef {
  for (let copy = 1; ; copy++) {
    const end = copy === 1 ? '' : `-${copy}`;
    // Every name of a run is one that a run.yaml may have, also that of a second one.
    const unique = `${name.slice(0, LONGEST_NAME - end.length)}${end}`;
    const dir = join(runs, unique);
    try {
      mkdirSync(dir, PRIVATE);
      return { name: unique, dir };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

function machineFacts(): Record<string, unknown> {
  return {
    visiontrain: packageVersion(),
    node: process.versions.node,
    platform: process.platform,
    arch: arch(),
    kernel: release(),
    host: hostname(),
    cpu: cpus()[0]?.model ?? 'unknown',
    cpu_cores: cpus().length,
    memory_bytes: totalmem(),
  };
}

const toJson = (value: unknown): string => `${JSON.stringify(value, null, 1)}\n`;
