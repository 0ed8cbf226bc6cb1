/** What help and completion say of `visiontrain slurm`. It imports nothing, since `--help` loads it. */
import type { CommandEntry } from '../shared/command-entry.ts';

export const slurmEntry: CommandEntry = {
  name: 'slurm',
  args: '<action> <run>',
  summary: 'what a job of Slurm runs: run --on slurm writes it into the job script',
  group: 'Runs',
  load: () => import('./index.ts'),
};
