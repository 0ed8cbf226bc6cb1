import { Command, CommanderError } from 'commander';
import { EXIT, UsageError } from '../engine/errors.ts';
import { packageVersion } from '../engine/package-root.ts';
import { places } from '../engine/paths.ts';
import { readSettings } from '../engine/settings.ts';
import { type CommandEntry, commands } from './commands.ts';
import type { Context, GlobalFlags } from './context.ts';
import { processOutput } from './output.ts';
import { reportError } from './report-error.ts';

/** Parses the command line, runs one command, sets the exit code. Never calls `process.exit`: output must drain. */
export async function main(argv: readonly string[]): Promise<void> {
  const out = processOutput();
  const flags = globalFlags(argv);
  const program = buildProgram(asked(argv), async (entry, args, options) => {
    const { run } = await entry.load();
    const base = places(process.env);
    const typed = typeof options.workspace === 'string' ? { workspace: options.workspace } : {};
    const settings = await readSettings({
      flags: typed,
      env: process.env,
      projectDir: process.cwd(),
      userDir: base.config,
    });
    const workspace = settings.find(({ name }) => name === 'workspace')?.value;
    const context: Context = { out, env: process.env, places: places(process.env, workspace), flags };
    process.exitCode = (await run(args, options, context)) ?? EXIT.ok;
  });
  try {
    await program.parseAsync(withCommand(argv), { from: 'user' });
  } catch (error) {
    const mistyped = error instanceof CommanderError;
    if (mistyped && (error.exitCode === 0 || !flags.json))
      // It has said so itself.
      process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    else
      process.exitCode = reportError(mistyped ? new UsageError(error.message.replace(/^error: /, '')) : error, out, {
        json: flags.json,
        debug: flags.debug,
        ascii: process.env.TERM === 'linux' || process.env.TERM === 'dumb',
      });
  }
}

/** `visiontrain` alone, or with options only, is the wizard. */
function withCommand(argv: readonly string[]): readonly string[] {
  const helps = ['-h', '--help', '-V', '--version'];
  const named = argv[0] !== undefined && !argv[0].startsWith('-');
  return named || argv.some((word) => helps.includes(word)) ? argv : ['new', ...argv];
}

/** The command that is typed, alone: to set all of them up takes as long as `ps` does. All, where it is none of them. */
function asked(argv: readonly string[]): readonly CommandEntry[] {
  const entry = commands.find(({ name }) => name === withCommand(argv)[0]);
  return entry === undefined ? commands : [entry];
}

type Action = (
  entry: CommandEntry,
  args: readonly string[],
  options: Readonly<Record<string, unknown>>,
) => Promise<void>;

/** Exported for shell completion and the reference page. */
export function buildProgram(entries: readonly CommandEntry[], action: Action): Command {
  const program = new Command('visiontrain')
    .description('From a folder of pictures to a trained LoRA for Stable Diffusion, in your terminal.')
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .showHelpAfterError('(see --help)')
    .commandsGroup('Help:')
    .exitOverride();
  for (const entry of entries) {
    const command = program
      .command(entry.args === undefined ? entry.name : `${entry.name} ${entry.args}`)
      .summary(entry.summary)
      .description(entry.summary)
      .helpGroup(`${entry.group}:`)
      .exitOverride();
    for (const [optionFlags, description, kind] of entry.options ?? []) {
      if (kind === 'list')
        command.option(optionFlags, description, (value: string, all: string[]) => [...all, value], [] as string[]);
      else command.option(optionFlags, description);
    }
    for (const [optionFlags, description] of globalOptions) command.option(optionFlags, description);
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

/** Read ahead of the parser, since an error in parsing must already know them. */
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
