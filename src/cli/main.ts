import { EnvironmentError } from '../base/errors.ts';
import { checkPlaces } from '../base/files/private-folder.ts';
import { displayPath, places } from '../base/paths.ts';
import { typedEnvironment } from '../base/typed-env.ts';
import { readSettings } from '../engine/settings/settings.ts';
import type { Capabilities } from '../terminal/capabilities.ts';
import { processTerminal } from '../terminal/terminal.ts';
import { text } from './commands/shared/options.ts';
import { commands } from './commands/table.ts';
import type { CommandAction } from './parse/program.ts';
import { quicklyParsed } from './parse/quick-parse.ts';
import type { Context, GlobalFlags } from './shell/context.ts';
import { type Output, processOutput } from './shell/output.ts';
import { reportError } from './shell/report-error.ts';

/**
 * Parses the command line, runs one command and sets the exit code. It never calls `process.exit`, because output must
 * drain.
 */
export async function main(argv: readonly string[]): Promise<void> {
  // Files are created without write access for other users.
  process.umask(process.umask() | 0o022);
  const flags = globalFlags(argv);
  const out = processOutput({ env: process.env, plain: flags.plain });
  let own: readonly string[] = [];
  const action: CommandAction = async (entry, args, options) => {
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
    const context = contextOf({ out, env, places: places(env, workspace?.value), flags });
    checkPlaces(context.places);
    const elsewhere = entry.far === true ? await carriedOutThere(args[0], argv, context) : undefined;
    process.exitCode = elsewhere ?? (await run(args, options, context));
  };
  try {
    await carryOut(argv, action, out);
  } catch (error) {
    process.exitCode = reportError(error, out, { json: flags.json, debug: flags.debug, own });
  }
}

/** The argument of every command. The terminal is looked at once, and only for commands that use it. */
function contextOf(given: Omit<Context, 'terminal'>): Context {
  let found: Capabilities | undefined;
  return {
    ...given,
    get terminal() {
      found ??= processTerminal(given.env, given.flags);
      return found;
    },
  };
}

/**
 * Runs a command. Arguments and options of the plainest form need no parser. commander alone takes as long to load as
 * `ps` does; it parses everything else, and explains mistakes.
 */
async function carryOut(argv: readonly string[], action: CommandAction, out: Output): Promise<void> {
  const words = withCommand(argv);
  const entry = commands.find(({ name }) => name === words[0]);
  const parsed = entry && quicklyParsed(entry, words.slice(1));
  if (entry && parsed) return action(entry, parsed.args, parsed.options);
  const { parseWords } = await import('./parse/program.ts');
  // Setting up all commands takes as long as `ps` does, so it is done only when the first word names none of them.
  const entries = entry === undefined ? commands : [entry];
  // Without a command, only the list of commands or the version can be meant; `help` asks for the help of one command.
  return parseWords(words, { entries, action, out, list: entry === undefined && argv[0] !== 'help' });
}

/** Runs a command on `host:run` there, and returns its exit code; undefined for a run on this machine. */
async function carriedOutThere(run: string | undefined, argv: readonly string[], context: Context) {
  if (run === undefined || !run.includes(':')) return undefined;
  const { forward, isFarRun } = await import('./commands/boxes/forward.ts');
  return isFarRun(run) ? forward(run, argv, context) : undefined;
}

/**
 * The current folder.
 * @throws EnvironmentError when it was removed
 */
export function currentFolder(): string {
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

/**
 * The words with the command `new` in front when they name no command: `visiontrain` alone, or with options only,
 * starts the wizard.
 */
function withCommand(argv: readonly string[]): readonly string[] {
  const helps = ['-h', '--help', '-V', '--version'];
  const named = argv[0] !== undefined && !argv[0].startsWith('-');
  return named || argv.some((word) => helps.includes(word)) ? argv : ['new', ...argv];
}

/** Reads the global flags before the parser runs, since the parser's own errors must respect them. */
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
