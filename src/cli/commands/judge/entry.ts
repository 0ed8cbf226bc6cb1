/** The entry of `visiontrain judge` for help and completion. It imports nothing, because `--help` loads it. */
import type { CommandEntry } from '../shared/command-entry.ts';

export const judgeEntry: CommandEntry = {
  name: 'judge',
  args: '<run>',
  far: true,
  summary: 'which checkpoint is best: a table of all beside the base model, and a sentence of advice',
  group: 'Runs',
  options: [
    ['--steps <list>', 'checkpoints of these steps, such as 400,800 (default: all that are kept)'],
    ['--strength <list>', 'strengths of the LoRA, such as 0.8,1 (default 1)'],
    ['--seeds <n>', 'samples of each prompt (default 2)'],
    ['--trigger <word>', 'the word that calls the LoRA (default: that of the run)'],
    ['--likeness <model>', 'compares pictures: dinov2-small, a tagger (drawings), a folder, or pixels'],
    ['--fit <model>', 'how well prompts are met: clip-vit-large-patch14, a tagger, a folder, or none'],
    ['--dataset <dir>', 'where its pictures are by now, when their folder was moved'],
    ['--export', 'write the LoRA file of the checkpoint that is advised, as best'],
    ['--detach', 'go on apart from this terminal; behind a live run, once it is over'],
    ['--show', 'only show how far it is, or what came out, with the samples side by side'],
    ['--stop', 'end it; what was drawn is kept'],
  ],
  examples: [
    'visiontrain judge last',
    'visiontrain judge fox --strength 0.7,1 --seeds 4',
    'visiontrain judge fox --likeness dinov2-small --fit clip-vit-large-patch14',
    'visiontrain judge fox --show',
  ],
  load: () => import('./index.ts'),
};
