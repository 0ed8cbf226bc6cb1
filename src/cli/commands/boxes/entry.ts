/**
 * The entries of `visiontrain hosts` and `fetch` for help and completion. It imports nothing, because `--help` loads
 * it.
 */
import type { CommandEntry } from '../shared/command-entry.ts';

export const hostsEntry: CommandEntry = {
  name: 'hosts',
  args: '[action] [what...]',
  summary: 'other machines that train for you, by SSH: list, add, remove, check',
  group: 'Assets',
  options: [
    ['-p, --port <n>', 'add: its port'],
    ['-i, --identity <file>', 'add: the key file that lets you in'],
    ['-J, --jump <host>', 'add: the machine on the way to it'],
    ['--home <folder>', 'add: where everything is kept there, such as /workspace/visiontrain'],
  ],
  examples: [
    'visiontrain hosts add gpu1 me@gpu1.example.org',
    'visiontrain hosts add pod root@203.0.113.7 -p 40022 -i ~/.ssh/id_ed25519 --home /workspace/visiontrain',
    'visiontrain run fox.yaml --on gpu1',
    'visiontrain ps --all',
    'visiontrain attach gpu1:fox',
  ],
  load: () => import('./index.ts'),
};

export const fetchEntry: CommandEntry = {
  name: 'fetch',
  args: '<host:run...>',
  summary: 'bring runs home from other machines, every file checked',
  group: 'Runs',
  options: [['--checkpoints', 'also the checkpoints, from which training can go on here']],
  examples: ['visiontrain fetch gpu1:fox', 'visiontrain fetch sweep-mf3k2'],
  load: () => import('./fetch.ts'),
};
