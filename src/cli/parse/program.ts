/** Parses the command line with commander. It is loaded for command lines that `quick-parse.ts` cannot handle. */
import { Command, CommanderError } from 'commander';
import { EXIT } from '../../base/errors.ts';
import { packageVersion } from '../../base/package-root.ts';
import type { CommandEntry } from '../commands/shared/command-entry.ts';
import { texts } from '../commands/shared/options.ts';
import type { Output } from '../shell/output.ts';
import { DESCRIPTION, globalOptions, HELP_OPTION, MIN_WIDTH, VERSION_OPTION } from './program-words.ts';
import { noCommand, wrongWords } from './wrong-words.ts';

export type CommandAction = (
  entry: CommandEntry,
  args: readonly string[],
  options: Readonly<Record<string, unknown>>,
) => Promise<void>;

interface Program {
  readonly entries: readonly CommandEntry[];
  readonly action: CommandAction;
  /** Output for messages of the parser; without it commander writes them itself. */
  readonly out?: Output;
  /**
   * Whether the commands are only listed and not run: setting up all their options would take as long as everything
   * else.
   */
  readonly list?: boolean;
}

/**
 * Parses words and runs the command that they name.
 * @throws UsageError about a wrong command line; errors of the command pass
 */
export async function parseWords(words: readonly string[], program: Program & { readonly out: Output }): Promise<void> {
  const [first = '', second] = words;
  const named = first === 'help' ? second : first;
  const entry = program.entries.find(({ name }) => name === named);
  const isWord = named !== undefined && !named.startsWith('-');
  if (isWord && named !== 'help' && entry === undefined) throw noCommand(named, program.entries);
  try {
    await buildProgram(program).parseAsync(words, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode !== 0) throw wrongWords(error, entry);
    process.exitCode = EXIT.ok;
  }
}

/** Exported for tests of the help and of what both parsers accept. */
export function buildProgram({ entries, action, out, list = false }: Program): Command {
  const program = new Command('visiontrain');
  // This comes before the commands are made, because they inherit it.
  if (out !== undefined)
    program.configureOutput({
      writeOut: out.verbatim,
      writeErr: (text) => text.replace(/\n$/, '').split('\n').forEach(out.talk),
      // A wrong command line is reported in the form of all other errors.
      outputError: () => undefined,
      // commander's own functions make the streams of the process, which `out` makes only when they are needed.
      getOutHelpWidth: () => out.width ?? 80,
      getErrHelpWidth: () => out.talkWidth ?? 80,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    });
  program
    .description(DESCRIPTION)
    .version(packageVersion(), ...VERSION_OPTION)
    .helpOption(...HELP_OPTION)
    // Descriptions are wrapped beside the options down to this width; a narrower terminal wraps them itself.
    .configureHelp({ minWidthToWrap: MIN_WIDTH })
    .commandsGroup('Help:')
    .helpCommand(true)
    .exitOverride();
  for (const entry of entries) addCommand(program, entry, { action, list });
  return program;
}

function addCommand(
  program: Command,
  entry: CommandEntry,
  { action, list }: { readonly action: CommandAction; readonly list: boolean },
): void {
  const command = program
    .command(entry.args === undefined ? entry.name : `${entry.name} ${entry.args}`)
    .summary(entry.summary)
    .description(entry.summary)
    .helpGroup(`${entry.group}:`)
    .exitOverride();
  // The list shows "[options]" for a command that has an option.
  const own = list ? [] : (entry.options ?? []);
  const every = list ? globalOptions.slice(0, 1) : globalOptions;
  for (const [optionFlags, description, kind] of own) {
    if (kind === 'list')
      command.option(optionFlags, description, (value: string, all: unknown) => [...texts(all), value]);
    else command.option(optionFlags, description);
  }
  for (const [optionFlags, description] of every) command.option(optionFlags, description);
  if (entry.examples?.length)
    command.addHelpText('after', `\nExamples:\n${entry.examples.map((e) => `  $ ${e}`).join('\n')}`);
  command.action(async (...values: unknown[]) => {
    const options = values.at(-2) as Record<string, unknown>;
    const args = values
      .slice(0, -2)
      .flat()
      .filter((v): v is string => typeof v === 'string');
    await action(entry, args, options);
  });
}
