/**
 * Folders of sweeps beside the runs: what belongs to all runs of a sweep. Each has what was asked for, and the comparison
 * once the runs are over; that of a search has its study and what is known of its trials, too.
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
  /** run.yaml as it was when the search was asked for, and the path that it has, which relative paths start from. */
  file: z.string(),
  text: z.string(),
  /** Texts for `--set` that all runs have. */
  sets: z.array(z.string()),
  axes: z.array(axisSchema),
  count: z.number().int().min(1),
  measure: z.string(),
  /** Whether a run is ended early that is worse than half of those before it. */
  prunes: z.boolean(),
  seed: z.number().int(),
  /** Which questions the person has answered with yes. */
  consents: z.object({ acceptLicense: z.boolean(), sendPictures: z.boolean(), allowHooks: z.boolean() }),
});

const sweepSchema = z.object({
  version: z.literal(1),
  /** Beginning of the names of its runs. */
  name: z.string(),
  search: searchSchema.nullable(),
});

const trialSchema = z.object({
  number: z.number().int(),
  state: z.enum(['open', 'complete', 'pruned', 'failed']),
  values: z.record(z.string(), z.unknown()),
  value: z.number().nullable(),
});

const progressSchema = z.object({
  trials: z.array(trialSchema),
  /** Whether no run is added any more. */
  over: z.boolean(),
  /** Why the next run could not be made. */
  problem: z.string().nullable(),
});

export type SearchAsked = z.infer<typeof searchSchema>;
export type SearchTrial = z.infer<typeof trialSchema>;
export type SearchProgress = z.infer<typeof progressSchema>;
export type SweepAsked = z.infer<typeof sweepSchema>;

/** Most bytes of a file; a run.yaml is part of one. */
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

/** Whether a text can be the name of a sweep; it becomes a path. */
export const isSweepName = (text: string): boolean => GROUP.test(text);

/** A name for a new sweep that none has. */
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

/** Makes the folder of a sweep. */
export function keepSweep(runs: string, group: string, asked: SweepAsked): void {
  mkdirSync(sweepFolder(runs, group), { recursive: true, mode: 0o700 });
  write(join(sweepFolder(runs, group), SWEEP_FILES.asked), asked);
}

/** What was asked for; undefined where the folder tells nothing that is understood. */
export const readSweep = (runs: string, group: string): SweepAsked | undefined =>
  read(join(sweepFolder(runs, group), SWEEP_FILES.asked), sweepSchema);

/** How far a search is; undefined before its first run, and for a sweep that is none. */
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
