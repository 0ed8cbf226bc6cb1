/** Reads and writes `slurm.json` of a run folder: the job that trains the run. */
import { join } from 'node:path';
import { z } from 'zod';
import { writeFileAtomic } from '../../base/files/atomic.ts';
import { readOurs } from '../../base/files/regular-file.ts';
import { RUN_FILES } from '../run-folder/layout.ts';

const recordSchema = z.object({ job: z.number().int().min(1), task: z.number().int().min(0).nullable() });

export type SlurmRecord = z.infer<typeof recordSchema>;

export function writeJob(dir: string, record: SlurmRecord): void {
  writeFileAtomic(join(dir, RUN_FILES.slurmJob), `${JSON.stringify(record)}\n`);
}

/** The job in the notation of Slurm's commands: `12`, or `12_3` for a task of an array. */
export const jobName = ({ job, task }: SlurmRecord): string => (task === null ? String(job) : `${job}_${task}`);

/** The job of a run; undefined for a run that was not submitted to Slurm. */
export function readJob(dir: string): SlurmRecord | undefined {
  try {
    return recordSchema.parse(JSON.parse(readOurs(join(dir, RUN_FILES.slurmJob), 1 << 14)?.toString('utf8') ?? ''));
  } catch {
    return undefined;
  }
}
