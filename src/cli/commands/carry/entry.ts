/** The entry of `visiontrain publish` for help and completion. It imports nothing, because `--help` loads it. */
import type { CommandEntry } from '../shared/command-entry.ts';

export const publishEntry: CommandEntry = {
  name: 'publish',
  args: '<where> <run>',
  summary: 'give a LoRA to others: to a Hugging Face hub, or as a kit for Civitai',
  group: 'Runs',
  options: [
    ['--repo <owner/name>', 'hub: the repository (default: yours, named as the run)'],
    ['--public', 'hub: for everybody to see (default: for you alone)'],
    ['--dry-run', 'hub: show the files and the card, and send nothing'],
    ['--to <dir>', 'kit: the new folder (default: NAME-kit)'],
  ],
  examples: [
    'visiontrain publish hub fox --dry-run',
    'visiontrain publish hub fox --repo ann/fox-lora',
    'visiontrain publish kit fox',
  ],
  load: () => import('./publish.ts'),
};
