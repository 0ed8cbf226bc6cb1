/**
 * Commands on `box:run`: the same command is run on the box, by ssh, on this terminal. A watched run continues when
 * the connection breaks; its screen is drawn again when the connection is back.
 */
import { spawn } from 'node:child_process';
import { EXIT, type ExitCode } from '../../../base/errors.ts';
import { pause } from '../../../base/sleep.ts';
import { neutralise } from '../../../base/text.ts';
import type { BoxAccess } from '../../../engine/boxes/far.ts';
import { BoxError, lineFault } from '../../../engine/boxes/faults.ts';
import { boxAndRun } from '../../../engine/boxes/known.ts';
import { farCommand } from '../../../engine/boxes/program.ts';
import { farWord, SSH_FAILED, sshOptions } from '../../../engine/boxes/ssh.ts';
import type { Context } from '../../shell/context.ts';
import { connect } from './connect.ts';

/** Variables that describe this terminal to the box. */
const SHOWN = ['COLORTERM', 'TERM_PROGRAM', 'NO_COLOR'] as const;

/** Whether a word is `box:run`. This check loads no other module. */
export const isFarRun = (word: string | undefined): word is string =>
  word !== undefined && /^[A-Za-z0-9][A-Za-z0-9_-]*:[^/\\]/.test(word);

/**
 * Runs the typed command on the box that `word` names; undefined when it names none.
 * @param argv all typed words, without the program's name
 */
export async function forward(word: string, argv: readonly string[], context: Context): Promise<ExitCode | undefined> {
  const named = boxAndRun(word, context.places.config);
  if (named === undefined) return undefined;
  const far = await connect(named.box, context, { tries: 2 });
  const at = argv.indexOf(word);
  const words = withoutWorkspace(argv.map((one, i) => (i === at ? named.run : one)));
  return carryOut(far, words, context);
}

/** Runs a command of ours on a box with this process's own streams, and returns its exit code. */
export async function carryOut(far: BoxAccess, words: readonly string[], context: Context): Promise<ExitCode> {
  const { box } = far.line;
  // A command that only shows something may be started again. A command that changes something is not repeated
  // automatically.
  const looks = words[0] === 'attach' || (words[0] === 'logs' && context.flags.json === false);
  for (let tried = 0; ; tried += 1) {
    const { code, printed } = await once(far, words, context);
    if (code !== SSH_FAILED) return code as ExitCode;
    const fault = lineFault(box, printed);
    if (!looks || !onScreen(context) || !fault.passing || tried >= WAITS.length) throw told(fault, words, box.name);
    context.out.wrapped(`${fault.message} The run goes on. Trying again …`);
    await pause(WAITS[tried] ?? 0, undefined);
  }
}

const WAITS = [1000, 3000, 8000, 20_000, 40_000, 60_000];

/** The error for a broken connection, with the command that continues. */
function told(fault: BoxError, words: readonly string[], name: string): BoxError {
  if (fault.id !== 'box/line-lost') return fault;
  const [command = '', run = '', ...rest] = words;
  return new BoxError(fault.message, {
    id: fault.id,
    details: [...fault.details, 'What runs there runs on.'],
    nextSteps: [['visiontrain', command, `${name}:${run}`, ...rest].join(' ')],
  });
}

const onScreen = ({ flags }: Context): boolean =>
  !flags.json && !flags.plain && process.stdin.isTTY === true && process.stdout.isTTY === true;

async function once(far: BoxAccess, words: readonly string[], context: Context) {
  const { box, env } = far.line;
  const screen = onScreen(context);
  const { LC_ALL, LC_CTYPE, LANG } = env;
  const letters = LC_ALL || LC_CTYPE || LANG;
  const shown = [
    ...SHOWN.flatMap((name) => (env[name] ? [`${name}=${env[name]}`] : [])),
    ...(letters === undefined ? [] : [`LC_CTYPE=${letters}`]),
  ].filter((text) => /^[A-Za-z0-9_=.@:-]+$/.test(text));
  const [first = 'env', ...others] = farCommand(far, words);
  const command = [first, ...shown, ...others].map(farWord).join(' ');
  const argv = [screen ? '-tt' : '-T', ...sshOptions(box, env), '--', box.target, command];
  // On a terminal all output of the box comes through stdout, so stderr holds only ssh's own messages.
  const child = spawn('ssh', argv, { env, stdio: ['inherit', 'inherit', 'pipe'] });
  let printed = '';
  let open = '';
  const tell = (rows: readonly string[]) => {
    if (!screen) for (const row of rows) context.out.talk(neutralise(row.replace(/\r$/, '')));
  };
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    printed = (printed + text).slice(-16_384);
    const rows = (open + text).split('\n');
    open = rows.pop() ?? '';
    tell(rows);
  });
  // The terminal's Ctrl-C goes to ssh, which passes it on; this process ends after ssh.
  const ignore = () => undefined;
  process.on('SIGINT', ignore);
  try {
    const code = await new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (ended) => resolve(ended ?? EXIT.cancelled));
      // The shared connection stays open in the background and may keep the pipe open.
      child.once('exit', (ended) => setTimeout(() => resolve(ended ?? EXIT.cancelled), 300));
    });
    if (open !== '') tell([open]);
    return { code, printed };
  } finally {
    process.off('SIGINT', ignore);
  }
}

/** The words without `--workspace`, which names a folder on this machine. */
function withoutWorkspace(words: readonly string[]): string[] {
  return words.filter((word, i) => !/^--workspace(=|$)/.test(word) && words[i - 1] !== '--workspace');
}
