/** The entry of `visiontrain queue` for help and completion. It imports nothing, because `--help` loads it. */
import type { CommandEntry } from '../shared/command-entry.ts';

export const queueEntry: CommandEntry = {
  name: 'queue',
  args: '[action] [what...]',
  summary: 'runs that wait for a card: list, add, remove, hold, release, move, run; and sweeps over settings',
  group: 'Runs',
  options: [
    ['--set <key=value>', 'add: change one setting (repeatable)', 'list'],
    ['--preset <name>', 'add: a preset of your own, for all that the file leaves to the recipe'],
    ['--name <name>', 'add: name of the run, and the beginning of those of a sweep'],
    ['--sweep <key=values>', 'add: a run for each value, or each combination (repeatable)', 'list'],
    ['--random <n>', 'add: so many draws from --sweep, which may be ranges low..high'],
    ['--search <n>', 'add: so many runs from --sweep, each chosen by Optuna from what those before it came to'],
    ['--measure <what>', 'add --search: validation (default), likeness, fit, bleeding, diversity, or metric:NAME'],
    [
      '--devices <cards>',
      'add: spread the runs of a sweep over these cards; a search has one on each at once: cuda:0,cuda:1',
    ],
    ['--list <file>', 'add: a run for each group of keys in this YAML file'],
    ['--after <run>', 'add: wait until that run is finished'],
    ['--on <hosts>', 'add: wait on another machine, or on the least busy of several: gpu1,gpu2; or as an array: slurm'],
    ['--slurm <key=value>', 'add --on slurm: partition, account, time, gres … (repeatable)', 'list'],
    ['--all', 'list: what waits on other machines, too'],
    ['--dry-run', 'add: show the runs and make nothing'],
    ['--accept-license', 'add: accept the licence of what is fetched'],
    ['--send-pictures', 'add: let captions.endpoint, or the Space of a tracker, see pictures'],
    ['--allow-hooks', 'add: run the commands in its hooks'],
  ],
  examples: [
    'visiontrain queue add fox.yaml bear.yaml',
    'visiontrain queue add fox.yaml --sweep training.rank=8,16 --sweep training.learning_rate=1e-4,2e-4',
    'visiontrain queue add fox.yaml --sweep training.learning_rate=5e-5..5e-4 --search 20',
    'visiontrain queue run',
    'visiontrain queue move bear 1',
    'visiontrain queue add owl.yaml --after bear',
    'visiontrain queue add fox.yaml --sweep training.rank=8,16 --on gpu1,gpu2',
    'visiontrain queue remove fox-rank8-lr1e-4',
  ],
  load: () => import('./index.ts'),
};
