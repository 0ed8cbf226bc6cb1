import { Command, CommanderError } from 'commander';
import { EnvironmentError, EXIT, UsageError } from '../base/errors.ts';
import { checkPlaces } from '../base/files/private-folder.ts';
import { packageVersion } from '../base/package-root.ts';
import { displayPath, places } from '../base/paths.ts';
import { typedEnvironment } from '../base/typed-env.ts';
import { readSettings } from '../engine/settings/settings.ts';
import type { CommandEntry } from './commands/shared/command-entry.ts';
import { text, texts } from './commands/shared/options.ts';
import { commands } from './commands/table.ts';
import type { Context, GlobalFlags } from './shell/context.ts';
import { type Output, processOutput } from './shell/output.ts';
import { reportError } from './shell/report-error.ts';

/**
 * Parses the command line, runs one command and sets the exit code. It never calls `process.exit`, because output must
 * drain.
 */
export async function main(argv: readonly string[]): Promise<void> {
  // Files are made so that no other user may write to them.
  process.umask(process.umask() | 0o022);
  const flags = globalFlags(argv);
  const out = processOutput({ env: process.env, plain: flags.plain });
  let own: readonly string[] = [];
  const program = buildProgram(
    asked(argv),
    async (entry, args, options) => {
      const { run } = await entry.load();
      const cwd = currentFolder();
      const env = typedEnvironment(process.env, cwd);
      const base = places(env);
      own = [base.home, base.cache];
      const given = text(options.workspace);
      const typed = given === undefined ? {} : { workspace: given };
      const say = (line: string) => out.talk(line);
      const settings = await readSettings({ flags: typed, env, projectDir: cwd, userDir: base.config, say });
      const workspace = settings.find(({ name }) => name === 'workspace');
      if (workspace?.from === 'folder' && !flags.json)
        say(`The runs are in ${workspace.value}, as ${displayPath(workspace.source, cwd)} here says.`);
      const context: Context = { out, env, places: places(env, workspace?.value), flags };
      checkPlaces(context.places);
      const elsewhere = entry.far === true ? await carriedOutThere(args[0], argv, context) : undefined;
      process.exitCode = elsewhere ?? (await run(args, options, context));
    },
    out,
    lists(argv),
  );
  try {
    await program.parseAsync(withCommand(argv), { from: 'user' });
  } catch (error) {
    const mistyped = error instanceof CommanderError;
    if (mistyped && (error.exitCode === 0 || !flags.json)) {
      // commander has printed its message already.
      process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
      if (error.exitCode !== 0) out.aside('visiontrain explain command/wrong');
    } else
      process.exitCode = reportError(
        mistyped ? new UsageError(error.message.replace(/^error: /, ''), { id: 'command/wrong' }) : error,
        out,
        {
          json: flags.json,
          debug: flags.debug,
          own,
        },
      );
  }
}

/** Exit code of a command on `host:run`, which is run over there; undefined for a run of this machine. */
async function carriedOutThere(run: string | undefined, argv: readonly string[], context: Context) {
  if (run === undefined || !run.includes(':')) return undefined;
  const { forward, isFarRun } = await import('./commands/boxes/forward.ts');
  return isFarRun(run) ? forward(run, argv, context) : undefined;
}

function currentFolder(): string {
  try {
    return process.cwd();
  } catch (cause) {
    throw new EnvironmentError('The folder you are in is gone, or cannot be entered any more.', {
      id: 'command/folder-gone',
      nextSteps: ['Go to another:  cd'],
      cause,
    });
  }
}

/** `visiontrain` alone, or with options only, starts the wizard. */
function withCommand(argv: readonly string[]): readonly string[] {
  const helps = ['-h', '--help', '-V', '--version'];
  const named = argv[0] !== undefined && !argv[0].startsWith('-');
  return named || argv.some((word) => helps.includes(word)) ? argv : ['new', ...argv];
}

/**
 * The entry of the typed command alone, since setting up all commands takes as long as `ps` does; all entries when the
 * typed word is no command.
 */
function asked(argv: readonly string[]): readonly CommandEntry[] {
  const entry = commands.find(({ name }) => name === withCommand(argv)[0]);
  return entry === undefined ? commands : [entry];
}

/** Whether only the list of commands, or the version, can be meant: no command is named, nor help of one. */
const lists = (argv: readonly string[]): boolean => asked(argv) === commands && argv[0] !== 'help';

type Action = (
  entry: CommandEntry,
  args: readonly string[],
  options: Readonly<Record<string, unknown>>,
) => Promise<void>;

/**
 * Exported for shell completion and the reference page. Messages of the parser go through `out`, if there is one. With
 * `list` the commands can be listed but not run: setting up all their options would take as long as all the rest.
 */
export function buildProgram(entries: readonly CommandEntry[], action: Action, out?: Output, list = false): Command {
  const program = new Command('visiontrain');
  // This is done before the commands are made, because they inherit it.
  if (out !== undefined)
    program.configureOutput({
      writeOut: out.verbatim,
      writeErr: (text) => text.replace(/\n$/, '').split('\n').forEach(out.talk),
      // commander's own questions make the streams of the process, which `out` does when they are needed.
      getOutHelpWidth: () => out.width ?? 80,
      getErrHelpWidth: () => out.talkWidth ?? 80,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    });
  program
    .description('From a folder of pictures to a trained LoRA for Stable Diffusion, in your terminal.')
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .showHelpAfterError('(see --help)')
    // Descriptions are wrapped beside the options down to so many cells; narrower ones are left to the terminal.
    .configureHelp({ minWidthToWrap: 20 })
    .commandsGroup('Help:')
    .exitOverride();
  for (const entry of entries) {
    const command = program
      .command(entry.args === undefined ? entry.name : `${entry.name} ${entry.args}`)
      .summary(entry.summary)
      .description(entry.summary)
      .helpGroup(`${entry.group}:`)
      .exitOverride();
    // The list says "[options]" of a command that has one.
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
  return program;
}

const globalOptions = [
  ['--json', 'machine-readable output on stdout'],
  ['--plain', 'plain lines: no colours, no cursor movement'],
  ['--no-input', 'never ask'],
  ['-y, --yes', 'take the default of every question; in `new` also "start now"'],
  ['--workspace <dir>', 'folder of the runs'],
  ['--debug', 'show details of errors'],
] as const;

/** The flags are read before the parser runs, since its own errors must respect them. */
function globalFlags(argv: readonly string[]): GlobalFlags {
  const has = (...names: string[]) => names.some((name) => argv.includes(name));
  return {
    json: has('--json'),
    plain: has('--plain'),
    noInput: has('--no-input'),
    yes: has('--yes', '-y'),
    debug: has('--debug'),
  };
}
