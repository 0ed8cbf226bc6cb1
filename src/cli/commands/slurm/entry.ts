/** The entry of `visiontrain slurm` for help and completion. It imports nothing, because `--help` loads it. */
import type { CommandEntry } from '../shared/command-entry.ts';

export const slurmEntry: CommandEntry = {
  name: 'slurm',
  args: '<action> <run>',
  summary: 'what a job of Slurm runs: run --on slurm writes it into the job script',
  group: 'Runs',
  load: () => import('./index.ts'),
};

/** Options of `export slurm` and `export skypilot`. */
export const jobOptions: NonNullable<CommandEntry['options']> = [
  ['--set <key=value>', 'slurm, skypilot: change one setting (repeatable)', 'list'],
  ['--name <name>', 'slurm, skypilot: name of the run'],
  ['--slurm <key=value>', 'slurm: partition, account, time, gres … (repeatable)', 'list'],
  ['--accept-license', 'slurm, skypilot: accept the licence of what is fetched'],
  ['--allow-hooks', 'slurm, skypilot: run the commands in its hooks'],
  ['--send-pictures', 'slurm, skypilot: let captions.endpoint, or the Space of a tracker, see pictures'],
];
