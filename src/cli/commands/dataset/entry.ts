/** What help and completion say of `visiontrain dataset`. It imports nothing, since `--help` loads it. */
import type { CommandEntry } from '../shared/command-entry.ts';

export const datasetEntry: CommandEntry = {
  name: 'dataset',
  args: '<action> <dir...>',
  summary:
    'check: what is in a folder of pictures; caption: write captions for it, edit them, undo; tags: what its captions say',
  group: 'Assets',
  options: [
    ['--captions <extension>', 'ending of the caption files (default .txt)'],
    ['--include <name>', 'look as with dataset.include: a folder or file that is passed over (repeatable)', 'list'],
    ['--write <kind>', 'caption: tags, sentences, both (default: what suits --for, else tags)'],
    ['--for <base>', 'check, caption: suit this base model (check: sdxl)'],
    ['--goal <goal>', 'check, caption: character, style or concept'],
    ['--html <file>', 'check: also write a contact sheet: pictures, crops, captions, findings in one file'],
    ['--trigger <word>', 'check: the trigger word that captions are to say'],
    ['--tagger <model>', 'caption: id or folder of the tagger'],
    ['--captioner <model>', 'caption: id or folder of what writes sentences'],
    ['--threshold <share>', 'caption: least probability of a tag (0.35)'],
    ['--character-threshold <share>', 'caption: least probability of a known character (0.85)'],
    ['--exclude <tag>', 'caption: never write this tag (repeatable)', 'list'],
    ['--length <length>', 'caption: short, medium or long sentences'],
    ['--endpoint <url>', "caption: by a server that speaks OpenAI's protocol; the pictures are sent there"],
    ['--model <name>', 'caption: its model'],
    ['--prompt <text>', 'caption: what it is asked'],
    ['--key-env <name>', 'caption: environment variable that holds its key'],
    ['--all', 'caption: also pictures that have a caption; their files stay as they are'],
    ['--device <device>', 'caption: cpu or cuda:0 (default: a card if there is one)'],
    ['--from <file>', 'check, tags: with the settings of a run.yaml'],
    ['--preview', 'tags: what those rules make of each caption; caption edit: show the changes, keep none'],
    ['--write-files', 'caption: also put a file beside each picture without one, never over a file'],
  ],
  examples: [
    'visiontrain dataset check ./pictures',
    'visiontrain dataset check ./pictures --captions .caption --json',
    'visiontrain dataset check ./pictures --from run.yaml --html sheet.html',
    'visiontrain dataset caption ./pictures --for illustrious --goal character',
    'visiontrain dataset tags ./pictures --from run.yaml --preview',
    'visiontrain dataset caption edit ./pictures',
    'visiontrain dataset caption ./pictures --endpoint http://localhost:11434/v1 --model qwen2.5vl',
  ],
  load: () => import('./index.ts'),
};
