/**
 * Folders of sweeps beside the runs, for what belongs to all runs of a sweep: the request, and the comparison when the
 * runs are over. The folder of a search also has its study and the progress of its trials.
 */
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { writeFileAtomic } from '../../base/files/atomic.ts';
import { isMissing } from '../../base/files/fs-errors.ts';
import { readOurs } from '../../base/files/regular-file.ts';

const axisSchema = z.object({
  key: z.string(),
  values: z.array(z.unknown()),
  range: z.tuple([z.number(), z.number()]).nullable(),
  log: z.boolean(),
  whole: z.boolean(),
});

const searchSchema = z.object({
  /** The text of run.yaml when the search was requested, and its path, from which relative paths start. */
  file: z.string(),
  text: z.string(),
  /** Texts for `--set` that apply to all runs. */
  sets: z.array(z.string()),
  axes: z.array(axisSchema),
  count: z.number().int().min(1),
  measure: z.string(),
  /** Whether a run that is worse than half of the earlier ones is ended early. */
  prunes: z.boolean(),
  seed: z.number().int(),
  /** Devices that train one run each at the same time; undefined for one run after another on the device of run.yaml. */
  devices: z.array(z.string()).optional(),
  /** The run that must be finished before the first run of the search starts. */
  after: z.string().optional(),
  /** Questions that the person has answered with yes. */
  consents: z.object({ acceptLicense: z.boolean(), sendPictures: z.boolean(), allowHooks: z.boolean() }),
});

const sweepSchema = z.object({
  version: z.literal(1),
  /** Prefix of the names of its runs. */
  name: z.string(),
  search: searchSchema.nullable(),
  /** Its runs on other machines, by their names there; undefined when all runs are on this machine. */
  members: z.array(z.object({ host: z.string(), run: z.string() })).optional(),
});

const trialSchema = z.object({
  number: z.number().int(),
  state: z.enum(['open', 'complete', 'pruned', 'failed']),
  values: z.record(z.string(), z.unknown()),
  value: z.number().nullable(),
});

const progressSchema = z.object({
  trials: z.array(trialSchema),
  /** Whether no further run is added. */
  over: z.boolean(),
  /** Why the next run could not be made. */
  problem: z.string().nullable(),
});

export type SearchSettings = z.infer<typeof searchSchema>;
export type SearchTrial = z.infer<typeof trialSchema>;
export type SearchProgress = z.infer<typeof progressSchema>;
export type StoredSweep = z.infer<typeof sweepSchema>;

/** Most bytes of a file; a run.yaml is part of it. */
const MOST_BYTES = 8 << 20;

const sweepsFolder = (runs: string): string => join(runs, '.sweeps');

/** The folder of a sweep. `group` is a name that `sweepGroup` has made. */
export const sweepFolder = (runs: string, group: string): string => join(sweepsFolder(runs), group);

export const SWEEP_FILES = {
  asked: 'sweep.json',
  progress: 'progress.json',
  study: 'study.log',
  lock: 'lock',
  page: 'compare.html',
  table: 'compare.txt',
} as const;

const GROUP = /^sweep-[a-z0-9-]{1,40}$/;

/** Whether a text can be the name of a sweep. The name becomes a path. */
export const isSweepName = (text: string): boolean => GROUP.test(text);

/** A free name for a new sweep. */
export function sweepGroup(runs: string): string {
  for (let time = Date.now(); ; time += 1) {
    const group = `sweep-${time.toString(36)}`;
    if (!existsSync(sweepFolder(runs, group))) return group;
  }
}

/** Names of the sweeps that have a folder, the oldest first. */
export function sweepNames(runs: string): string[] {
  try {
    return readdirSync(sweepsFolder(runs)).filter(isSweepName).sort();
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

/** Makes the folder of a sweep, and stores the request. */
export function keepSweep(runs: string, group: string, asked: StoredSweep): void {
  mkdirSync(sweepFolder(runs, group), { recursive: true, mode: 0o700 });
  write(join(sweepFolder(runs, group), SWEEP_FILES.asked), asked);
}

/** The request of a sweep; undefined where the folder has none that is understood. */
export const readSweep = (runs: string, group: string): StoredSweep | undefined =>
  read(join(sweepFolder(runs, group), SWEEP_FILES.asked), sweepSchema);

/** The progress of a search; undefined before its first run, and for a sweep that is no search. */
export const readProgress = (runs: string, group: string): SearchProgress | undefined =>
  read(join(sweepFolder(runs, group), SWEEP_FILES.progress), progressSchema);

export const keepProgress = (runs: string, group: string, progress: SearchProgress): void =>
  write(join(sweepFolder(runs, group), SWEEP_FILES.progress), progress);

function write(path: string, value: unknown): void {
  writeFileAtomic(path, `${JSON.stringify(value, null, 1)}\n`, 0o600);
}

function read<T>(path: string, schema: z.ZodType<T>): T | undefined {
  try {
    return schema.parse(JSON.parse(readOurs(path, MOST_BYTES)?.toString('utf8') ?? ''));
  } catch {
    return undefined;
  }
}
