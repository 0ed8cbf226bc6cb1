/** Errors of the command line, of run.yaml and of settings. */
import type { ErrorEntry } from './entry.ts';

export const commandErrors = {
  'bug/unexpected': {
    what: 'visiontrain itself failed.',
    cause: 'A case that nobody thought of. It is not your fault.',
    cure: 'Run the same command with --debug, and report what it prints.',
  },
  'command/cancelled': {
    what: 'You left the command.',
    cause: 'Ctrl-C was pressed, or Esc at the first question.',
    cure: 'Nothing is lost: the same command goes on from there.',
  },
  'command/terminated': {
    what: 'The command was asked to end.',
    cause: 'Another program or the system sent SIGTERM or SIGHUP, as at a shutdown.',
    cure: 'Type the same command again. A run goes on by itself, or with `visiontrain resume NAME`.',
  },
  'command/wrong': {
    what: 'The command line cannot be understood.',
    cause: 'A command or flag is misspelt, or one that is needed is missing.',
    cure: 'See what there is: `visiontrain --help`, or `visiontrain COMMAND --help`.',
  },
  'command/wrong-value': {
    what: 'A flag has a value that it cannot have.',
    cause: 'The value is of another kind than the flag takes, such as a word in place of a number.',
    cure: 'The message says what it looks like; `visiontrain COMMAND --help` has an example.',
  },
  'command/nobody-to-ask': {
    what: 'A question would have to be asked, but there is nobody to ask.',
    cause: 'The command runs in a script, a container without -it, or with --no-input.',
    cure: 'Answer by flags, as the message shows, or run it in a terminal.',
  },
  'command/no-term': {
    what: 'Nothing of that name is explained here.',
    cause: 'It is no term of the glossary, no key of run.yaml and no id of an error.',
    cure: 'See all terms: `visiontrain explain`.',
  },
  'import/unreadable': {
    what: 'The settings of another trainer cannot be read.',
    cause: 'The file is damaged, of a tool that is not known here, or a LoRA that does not tell how it was trained.',
    cure: 'Taken are sd-scripts, kohya_ss, OneTrainer, LoRA_Easy, lora-scripts, ai-toolkit, and LoRAs with ss_ metadata.',
  },
  'import/pictures': {
    what: 'It is not known where the pictures are.',
    cause: 'The file names no folder, or one that is not on this machine.',
    cure: 'Name it: `visiontrain new FOLDER --from FILE`.',
  },
  'preset/none': {
    what: 'There is no preset of that name.',
    cause: 'The name is mistyped, the preset was removed, or VISIONTRAIN_HOME is another one than when it was saved.',
    cure: 'See those there are: `visiontrain preset list`.',
  },
  'preset/name': {
    what: 'That cannot be the name of a preset.',
    cause: 'A preset is a file of that name.',
    cure: 'Use letters, digits, dot, dash and underscore, 64 at most.',
  },
  'preset/exists': {
    what: 'There is a preset of that name already.',
    cause: 'It was saved before, and would be lost.',
    cure: 'Take another name, or replace it: `visiontrain preset save NAME FROM --replace`.',
  },
  'preset/wrong': {
    what: 'A preset has mistakes.',
    cause: 'It was changed by hand, or made by a newer visiontrain.',
    cure: 'Mend the lines that are named, or save it anew: `visiontrain preset save NAME run.yaml --replace`.',
  },
  'preset/empty': {
    what: 'Nothing was chosen in what a preset is to be made of.',
    cause: 'Every setting in it is the recipe’s, or is about one data set or one machine.',
    cure: 'Take the recipe’s settings too: `visiontrain preset save NAME FROM --all`.',
  },
  'preset/source': {
    what: 'It is not known what a preset is to be made of.',
    cause: 'The file that was named is not there.',
    cure: 'Name a run.yaml, a run, another preset, or settings of another trainer.',
  },
  'import/other-work': {
    what: 'The file is a job of another program that trains no LoRA on pictures.',
    cause: 'It makes pictures, takes a LoRA out of a model, or trains a slider between two prompts.',
    cure: 'Take a file that trains a LoRA on a folder of pictures.',
  },
  'import/base': {
    what: 'The base model of another trainer’s settings is not known here.',
    cause: 'The file names a path that is not on this machine, or a name that no entry has.',
    cure: 'Name it: `visiontrain new FOLDER --from FILE --base sdxl`.',
  },
  'command/folder-gone': {
    what: 'The folder that you are in is gone.',
    cause: 'It was removed or moved while the terminal was in it, or its disk was taken out.',
    cure: 'Go to another folder: `cd`.',
  },
  'command/output': {
    what: 'What a command prints cannot be written where it was sent.',
    cause: 'Its output was sent to a file, and the disk of that file is full, or reports an error.',
    cure: 'Send it to another disk, or make room there, and run the command again.',
  },
  'queue/twice': {
    what: 'The run is in the queue already.',
    cause: 'A run is started once, so it waits once.',
    cure: 'See what waits: `visiontrain queue list`.',
  },
  'queue/which': {
    what: 'It is not clear which run of the queue is meant.',
    cause: 'None was named, or it does not wait any more.',
    cure: 'See what waits: `visiontrain queue list`.',
  },
  'queue/sweep': {
    what: 'A sweep cannot be understood.',
    cause: 'A key is misspelt, a range has no --random, or a file is no list of groups of keys.',
    cure: 'Write `--sweep key=value,value`, or `key=low..high` with `--random 8`; `--dry-run` shows the runs.',
  },
  'queue/search': {
    what: 'A search cannot go on, or cannot be asked for like this.',
    cause:
      'It needs `--sweep` for each key, images kept out of training to go by, and Optuna, which could not be asked.',
    cure: 'Mend what the message names; `visiontrain queue run` goes on with a search that has begun.',
  },
  'hooks/not-allowed': {
    what: 'A run has hooks that you have not allowed.',
    cause: 'Hooks are commands that run on this machine as you, and a run.yaml may come from anybody.',
    cure: 'Read them; if you know them all, start it again with `--allow-hooks`. The same commands are asked for once.',
  },
  'hooks/failed': {
    what: 'A hook that must succeed before the run has failed.',
    cause: 'The command in `hooks.on_start` ended with an error, or took longer than its `timeout`.',
    cure: 'See what it printed in `hooks.log` of the run folder, mend it, and `visiontrain resume NAME`.',
  },
  'notify/lost': {
    what: 'A way of telling you of your runs does not work.',
    cause: 'A variable that the settings name is empty, or the server does not take what is sent to it.',
    cure: 'Mend what the message names and try again: `visiontrain notify --test`. Runs are not touched by it.',
  },
  'wizard/answer': {
    what: 'An answer cannot be what was given.',
    cause: 'A flag answered a question of the wizard with a value that the question refuses.',
    cure: 'Give another value, or leave the flag out and answer in the wizard.',
  },
  'settings/unreadable': {
    what: 'A settings file cannot be read.',
    cause: 'It is no YAML or JSON, or a program, which is never run.',
    cure: 'Mend the line that the message names, or remove the file.',
  },
  'settings/wrong': {
    what: 'A settings file has mistakes.',
    cause: 'A setting is unknown or has a value that it cannot have.',
    cure: 'See all settings and where each comes from: `visiontrain config`.',
  },
  'spec/wrong': {
    what: 'run.yaml has problems, and nothing was started.',
    cause: 'A key is unknown, a value is out of its range, or two do not fit together.',
    cure: 'Each problem has its line and what to write. `visiontrain explain KEY` tells more of a key.',
  },
  'spec/unreadable': {
    what: 'run.yaml cannot be used.',
    cause: 'It is not there, no text, or no YAML.',
    cure: 'Make one with `visiontrain new`, or mend the line that the message names.',
  },
  'spec/not-together': {
    what: 'Settings do not fit together.',
    cause: 'Each is right by itself, but not with the others.',
    cure: 'The message names the keys and what each may be beside the others.',
  },
  'package/updated': {
    what: 'visiontrain was updated or built anew while a command ran.',
    cause: 'The parts that a command loads later are then gone, or of another version.',
    cure: 'Type the same command again.',
  },
  'package/incomplete': {
    what: 'A file of visiontrain is missing.',
    cause: 'The package was not installed whole.',
    cure: 'Install it again: `npx visiontrain@latest`.',
  },
  'report/port': {
    what: 'The report cannot be served at this port.',
    cause: 'Another program has the port, or ports below 1024 are not for this user.',
    cure: 'Leave out --port: a free one is chosen.',
  },
  'bug/trainer': {
    what: 'The trainer met a case that nobody thought of.',
    cause: 'A bug of the trainer, or a library of another version than the one it was made with.',
    cure: 'Report it with the last lines of trainer.log in the run folder; `visiontrain resume NAME` goes on from the last checkpoint.',
  },
} as const satisfies Readonly<Record<string, ErrorEntry>>;
