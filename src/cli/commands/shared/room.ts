/** Checks that the disk has room for everything that a run will write. */
import { freeBytes, nearestFolder } from '../../../base/files/disk.ts';
import { formatBytes } from '../../../base/text.ts';
import type { Plan } from '../../../engine/plan/schema.ts';
import { summarizePlan } from '../../../engine/plan/summarize.ts';
import { weightBytes } from '../../../registry/checkpoints/weight-bytes.ts';

/**
 * A warning about a run that will not fit its disk; none or one sentence. It is no error: the estimate may be too
 * high, and space may be freed while the run goes on.
 * @param folder folder of runs
 */
export function roomWarnings(plan: Plan, folder: string): readonly string[] {
  const { lora, saved, checkpoints } = summarizePlan(plan, weightBytes(plan.model.path)).disk;
  const wanted = lora + saved + checkpoints;
  const free = freeBytes(nearestFolder(folder));
  if (wanted <= free) return [];
  const fewer =
    saved > checkpoints ? '--set output.save_keep=3 keeps fewer files' : '--set output.checkpoint_keep=1 keeps fewer';
  return [`the run will leave about ${formatBytes(wanted)}, and its disk has ${formatBytes(free)} free: ${fewer}`];
}
