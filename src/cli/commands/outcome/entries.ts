/**
 * The entries of `visiontrain report` and `compare` for help and completion. It imports nothing, because `--help`
 * loads it.
 */
import type { CommandEntry } from '../shared/command-entry.ts';

export const reportEntry: CommandEntry = {
  name: 'report',
  args: '<run>',
  summary: 'one HTML page of a run: did it learn, samples, curves, settings',
  group: 'Runs',
  options: [
    ['-o, --output <file>', 'where the page is written (default: report.html in the run folder)'],
    ['--no-thumbnails', 'without the contact sheet: none of your pictures is in the page, only samples'],
    ['--serve', 'serve it to this machine alone; the page follows a live run'],
    ['--port <n>', 'with --serve: this port (default: a free one)'],
  ],
  examples: ['visiontrain report last', 'visiontrain report fox -o fox.html', 'visiontrain report fox --serve'],
  load: () => import('./report.ts'),
};

export const compareEntry: CommandEntry = {
  name: 'compare',
  args: '<run...>',
  summary: 'runs, or all of a sweep, beside each other: what differs, curves, samples of the same prompts',
  group: 'Runs',
  options: [['--html <file>', 'also one HTML page with curves and samples']],
  examples: [
    'visiontrain compare fox fox-2',
    'visiontrain compare fox fox-2 fox-3 --html foxes.html',
    'visiontrain compare sweep-mf3k2   (the group that queue add --sweep names)',
  ],
  load: () => import('./compare.ts'),
};
