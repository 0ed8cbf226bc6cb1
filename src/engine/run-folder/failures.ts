/** Reads `control/failed-RANK.json`, which processes other than the first write when they fail. */
import { join } from 'node:path';
import { z } from 'zod';
import { readOurs } from '../../base/files/regular-file.ts';
import { RUN_FILES } from './layout.ts';
import { failures } from './requests.ts';

const failureSchema = z.object({
  rank: z.number().int().min(1),
  code: z.number().int().min(1).max(255),
  id: z.string().max(100),
  reason: z.string().max(4000),
  details: z.array(z.string().max(4000)).max(100),
  next_steps: z.array(z.string().max(4000)).max(100),
});

export type ProcessFailure = z.infer<typeof failureSchema>;

const MOST_BYTES = 1 << 20;

/** All failures that can be read, the lowest rank first. Files that no trainer wrote are ignored. */
export function readFailures(runDir: string): readonly ProcessFailure[] {
  return failures(runDir)
    .flatMap((name) => readFailure(join(runDir, RUN_FILES.control, name)) ?? [])
    .toSorted((a, b) => a.rank - b.rank);
}

function readFailure(path: string): ProcessFailure | undefined {
  try {
    return failureSchema.parse(JSON.parse(readOurs(path, MOST_BYTES)?.toString('utf8') ?? ''));
  } catch {
    return undefined;
  }
}
