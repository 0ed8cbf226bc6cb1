/** The entry of `visiontrain preset` for help and completion. It imports nothing, because `--help` loads it. */
import type { CommandEntry } from '../shared/command-entry.ts';

export const presetEntry: CommandEntry = {
  name: 'preset',
  args: '[action] [what...]',
  summary: 'settings of your own to start from: list, save, show, diff, rm',
  group: 'Start',
  options: [
    ['--about <text>', 'save: what it is for'],
    ['--all', 'save: also what the recipe of the base model chose, so that it never changes'],
    ['--replace', 'save: in place of the one of that name'],
    ['--base <model>', 'save: the base model, for settings of another trainer that name none'],
  ],
  examples: [
    'visiontrain preset save soft-style run.yaml --about "soft styles on SDXL"',
    'visiontrain preset save ours last',
    'visiontrain preset save theirs kohya-preset.json --base sdxl',
    'visiontrain new ~/art/fox --preset soft-style',
    'visiontrain preset diff soft-style ours',
  ],
  load: () => import('./index.ts'),
};
