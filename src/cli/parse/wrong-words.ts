/** What is wrong with a command line, in words that say what to type. */
import type { CommanderError } from 'commander';
import { UsageError } from '../../base/errors.ts';
import { statOf } from '../../base/files/stat.ts';
import { nearest } from '../../base/nearest.ts';
import { shellWord } from '../../base/typed-path.ts';
import type { CommandEntry } from '../commands/shared/command-entry.ts';

/** Words that people bring from other programs, and what does the same here. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  train: 'run',
  start: 'run',
  launch: 'run',
  init: 'new',
  create: 'new',
  wizard: 'new',
  list: 'ps',
  ls: 'ps',
  runs: 'ps',
  kill: 'stop',
  cancel: 'stop',
  pause: 'stop',
  continue: 'resume',
  restart: 'resume',
  watch: 'attach',
  follow: 'attach',
  info: 'status',
  show: 'status',
  log: 'logs',
  install: 'setup',
  update: 'setup',
  check: 'dataset check',
  caption: 'dataset caption',
  tag: 'dataset caption',
  tags: 'dataset tags',
  mask: 'dataset mask',
  pull: 'models pull',
  download: 'models pull',
  generate: 'sample',
  draw: 'sample',
  merge: 'lora merge',
  resize: 'lora resize',
  inspect: 'lora inspect',
  convert: 'lora convert',
  import: 'new --from',
  upload: 'publish hub',
  version: '--version',
};

/** The error for a first word that is no command. */
export function noCommand(word: string, commands: readonly CommandEntry[]): UsageError {
  const names = commands.map(({ name }) => name);
  const path = asPath(word);
  const near = nearest(word, [...names, ...Object.keys(ELSEWHERE)]);
  const meant = near === undefined || names.includes(near) ? near : ELSEWHERE[near];
  return new UsageError(`There is no command ${JSON.stringify(word)}.`, {
    id: 'command/wrong',
    nextSteps: [
      ...((path ?? meant) === undefined ? [] : [`Did you mean visiontrain ${path ?? meant}?`]),
      'visiontrain --help   lists the commands',
    ],
  });
}

/** What is done with a file or a folder that was typed in the place of the command; undefined for a plain word. */
function asPath(word: string): string | undefined {
  if (/\.ya?ml$/i.test(word)) return `run ${shellWord(word)}`;
  const isFolder = word !== '' && statOf(word)?.isDirectory() === true;
  return isFolder || /[/~]|^\.{1,2}$/.test(word) ? `new ${shellWord(word)}` : undefined;
}

/**
 * The error for words that commander refuses.
 * @param entry the command that they are for; undefined where they name none
 */
export function wrongWords(error: CommanderError, entry: CommandEntry | undefined): UsageError {
  const [first = '', hint] = error.message.replace(/^error: /, '').split('\n');
  const name = entry === undefined ? 'visiontrain' : `visiontrain ${entry.name}`;
  const quoted = /'([^']*)'/.exec(first)?.[1] ?? '';
  const usage = [name, entry?.args].filter(Boolean).join(' ');
  const example = entry?.examples?.[0];
  const help = `${name} --help   tells all that it takes`;
  return new UsageError(MESSAGES[error.code]?.(name, quoted, usage) ?? `${name}: ${first}.`, {
    id: 'command/wrong',
    nextSteps: [
      ...(hint === undefined ? [] : [hint.replace(/^\(|\)$/g, '')]),
      ...(error.code === 'commander.missingArgument' && example !== undefined ? [`As in:  ${example}`] : []),
      ...(entry?.args?.includes('<run>') === true && error.code === 'commander.missingArgument'
        ? ['visiontrain ps   lists the runs; last is the newest']
        : []),
      help,
    ],
  });
}

const MESSAGES: Readonly<Record<string, (name: string, quoted: string, usage: string) => string>> = {
  'commander.missingArgument': (_name, _quoted, usage) => `Something is missing: ${usage}.`,
  'commander.unknownOption': (name, quoted) => `${name} has no option ${quoted}.`,
  'commander.excessArguments': (_name, _quoted, usage) => `These are too many words: ${usage} takes no more.`,
  'commander.optionMissingArgument': (_name, quoted) => `${quoted} needs a value.`,
};
