/** The entry of `visiontrain models` for help and completion. It imports nothing, because `--help` loads it. */
import type { CommandEntry } from '../shared/command-entry.ts';

export const modelsEntry: CommandEntry = {
  name: 'models',
  args: '[action] [what...]',
  summary: 'base models: list, info, pull, verify, add, rm, check',
  group: 'Assets',
  options: [
    ['--sha256 <hex>', 'pull, add: SHA-256 of the file at an address'],
    ['--size <bytes>', 'pull: its size'],
    ['--mirror <url>', 'pull: another address of the same file; may be given again', 'list'],
    ['--token-env <name>', 'pull, add: environment variable that holds the token for the address'],
    ['-o, --output <file>', 'pull: where to put the file of an address'],
    ['--connections <n>', 'pull: exactly so many connections (default: 1 to 4, what pays)'],
    ['--limit-rate <rate>', 'pull: at most so many bytes per second, e.g. 5M'],
    ['--accept-license', 'pull: accept the licence of the model'],
    ['--id <name>', 'add: id of the new entry'],
    ['--title <text>', 'add: its title'],
    ['--like <id>', 'add: take recipe and prompts of this entry'],
    ['--prediction <kind>', 'add: epsilon, v_prediction or flow, where the file does not say'],
    ['--family <name>', 'add: sd15 or sdxl, for a diffusers repository'],
    ['--partials', 'rm: unfinished and set-aside downloads'],
    ['--force', 'rm: also what a run still needs'],
  ],
  examples: [
    'visiontrain models list',
    'visiontrain models pull sdxl',
    'visiontrain models pull https://example.org/model.safetensors --sha256 HEX -o model.safetensors',
    'visiontrain models add ~/models/my-merge.safetensors --like illustrious',
    'visiontrain models check --json',
  ],
  load: () => import('./index.ts'),
};
