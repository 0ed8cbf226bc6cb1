/**
 * Every command by name: what help needs, and a lazy import of the rest. `--help` and `--version` load this file, so it
 * imports nothing.
 */
import type { CommandRun } from '../shell/context.ts';

export interface CommandEntry {
  readonly name: string;
  /** Argument syntax of commander, e.g. `<run>` or `[file]`. */
  readonly args?: string;
  readonly summary: string;
  readonly group: 'Start' | 'Runs' | 'Assets' | 'Help';
  /** Options as [flags, description], or as [flags, description, 'list'] when they may be repeated. */
  readonly options?: readonly (readonly [string, string, 'list'?])[];
  readonly examples?: readonly string[];
  readonly load: () => Promise<{ run: CommandRun }>;
}

export const commands: readonly CommandEntry[] = [
  {
    name: 'new',
    args: '[folder]',
    summary: 'the wizard: from a folder of pictures to run.yaml, and start',
    group: 'Start',
    options: [
      ['--easy', 'ask the few questions that matter'],
      ['--advanced', 'ask for every setting'],
      ['--from <file>', 'start from the answers of a run.yaml'],
      ['-o, --output <file>', 'where run.yaml is written; a file that is there is not replaced'],
    ],
    examples: ['visiontrain', 'visiontrain new ~/art/fox --easy', 'visiontrain new --from run.yaml -o second.yaml'],
    load: () => import('./new.ts'),
  },
  {
    name: 'run',
    args: '<file>',
    summary: 'train what a run.yaml says: check, fetch, train, show',
    group: 'Start',
    options: [
      ['--set <key=value>', 'change one setting, e.g. training.steps=2000 (repeatable)', 'list'],
      ['--name <name>', 'name of the run'],
      ['--detach', 'start it and return'],
      ['--foreground', 'for batch systems: SIGTERM and Ctrl-C stop the run itself, with a checkpoint'],
      ['--dry-run', 'show the whole plan and do nothing'],
      ['--accept-license', 'accept the licence of what is fetched'],
      ['--torch <build>', 'this build of PyTorch instead of the one that fits'],
    ],
    examples: [
      'visiontrain run run.yaml',
      'visiontrain run run.yaml --set training.steps=2000 --name fox-long',
      'visiontrain run run.yaml --dry-run',
    ],
    load: () => import('./run.ts'),
  },
  {
    name: 'demo',
    summary: 'the whole job on the embedded tiny model, on the CPU',
    group: 'Start',
    options: [['--detach', 'start it and return']],
    load: () => import('./demo.ts'),
  },
  {
    name: 'ps',
    summary: 'live and past runs',
    group: 'Runs',
    load: () => import('./ps.ts'),
  },
  {
    name: 'status',
    args: '<run>',
    summary: 'where a run is, or how it ended',
    group: 'Runs',
    examples: ['visiontrain status fox', 'visiontrain status last --json'],
    load: () => import('./status.ts'),
  },
  {
    name: 'attach',
    args: '<run>',
    summary: 'watch a run; leaving changes nothing for it',
    group: 'Runs',
    options: [['--readonly', 'no keys that change the run']],
    examples: ['visiontrain attach last'],
    load: () => import('./attach.ts'),
  },
  {
    name: 'logs',
    args: '<run>',
    summary: 'what the trainer printed',
    group: 'Runs',
    options: [['-f, --follow', 'go on until the run ends']],
    examples: ['visiontrain logs fox -f'],
    load: () => import('./logs.ts'),
  },
  {
    name: 'stop',
    args: '<run>',
    summary: 'end a run after this step, with a checkpoint',
    group: 'Runs',
    options: [['--now', 'end it at once: work since the last checkpoint is lost']],
    load: () => import('./stop.ts'),
  },
  {
    name: 'resume',
    args: '<run>',
    summary: 'go on with a run that was stopped, failed or died',
    group: 'Runs',
    options: [
      ['--detach', 'start it and return'],
      ['--foreground', 'SIGTERM and Ctrl-C stop the run itself, with a checkpoint'],
      ['--dataset <dir>', 'where its pictures are by now, when their folder was moved'],
    ],
    load: () => import('./resume.ts'),
  },
  {
    name: 'verify',
    args: '<run>',
    summary: 'train a finished run again: are the bytes the same?',
    group: 'Runs',
    examples: ['visiontrain verify last'],
    load: () => import('./verify.ts'),
  },
  {
    name: 'setup',
    summary: 'make the Python environment that trains, and prove the card',
    group: 'Assets',
    options: [
      ['--force', 'make it anew'],
      ['--torch <build>', 'this build of PyTorch: cu130, cu128, cu126, rocm7.2, cpu (default: what fits)'],
      ['--captions', 'also what writes tags (ONNX Runtime)'],
      ['--heif', 'also what reads HEIC and HEIF pictures'],
      ['--list', 'list the environments on the disk'],
      ['--remove [name]', 'remove one, or all that are not used'],
    ],
    examples: ['visiontrain setup', 'visiontrain setup --torch cu126', 'visiontrain setup --list'],
    load: () => import('./setup.ts'),
  },
  {
    name: 'doctor',
    summary: 'is this machine fit to train, and if not, what to type',
    group: 'Help',
    options: [['--bundle [file]', 'write a file for bug reports, without secrets and names']],
    examples: ['visiontrain doctor', 'visiontrain doctor --json', 'visiontrain doctor --bundle'],
    load: () => import('./doctor.ts'),
  },
  {
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
      ['--prediction <kind>', 'add: epsilon or v_prediction, where the file does not say'],
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
    load: () => import('./models/index.ts'),
  },
  {
    name: 'dataset',
    args: '<action> <folder>',
    summary: 'check: what is in a folder of pictures; caption: write captions for it; tags: what its captions say',
    group: 'Assets',
    options: [
      ['--captions <extension>', 'ending of the caption files (default .txt)'],
      ['--include <name>', 'look as with dataset.include: a folder or file that is passed over (repeatable)', 'list'],
      ['--write <kind>', 'caption: tags, sentences, both (default: what suits --for, else tags)'],
      ['--for <base>', 'caption: suit this base model'],
      ['--goal <goal>', 'caption: character, style or concept'],
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
      ['--from <file>', 'tags: with the captions and rules of a run.yaml'],
      ['--preview', 'tags: what those rules make of each caption'],
      ['--write-files', 'caption: also put a file beside each picture without one, never over a file'],
    ],
    examples: [
      'visiontrain dataset check ./pictures',
      'visiontrain dataset check ./pictures --captions .caption --json',
      'visiontrain dataset caption ./pictures --for illustrious --goal character',
      'visiontrain dataset tags ./pictures --from run.yaml --preview',
      'visiontrain dataset caption ./pictures --endpoint http://localhost:11434/v1 --model qwen2.5vl',
    ],
    load: () => import('./dataset/index.ts'),
  },
  {
    name: 'explain',
    args: '[term...]',
    summary: 'what a word of training means',
    group: 'Help',
    examples: ['visiontrain explain rank', 'visiontrain explain'],
    load: () => import('./explain.ts'),
  },
  {
    name: 'schema',
    args: '[name...]',
    summary: 'print the JSON Schema of run.yaml, or of what a command prints with --json',
    group: 'Help',
    examples: ['visiontrain schema > run.schema.json', 'visiontrain schema status', 'visiontrain schema models list'],
    load: () => import('./schema.ts'),
  },
  {
    name: 'config',
    summary: 'where settings and folders come from',
    group: 'Help',
    load: () => import('./config.ts'),
  },
];
