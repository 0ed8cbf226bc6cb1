import { fstatSync, writeSync } from 'node:fs';
import { EnvironmentError } from '../../base/errors.ts';
import { diskProblem } from '../../base/files/fs-errors.ts';
import { harmlessJson } from '../../base/text.ts';
import { capabilities } from '../../terminal/capabilities.ts';
import { hanging } from '../../terminal/columns.ts';
import { styleFor } from '../../terminal/style.ts';
import { type Line, onTerminal } from '../../terminal/styled.ts';

/**
 * The only way to stdout (data) and stderr (talk). All output is harmless to a terminal: text is neutralised, and only
 * a `Styled` has colours. Signs that the terminal lacks are replaced by ASCII.
 */
export interface Output {
  /** Width in cells of the terminal that stdout goes to; undefined when it goes to a file or another program. */
  readonly width: number | undefined;
  /** Width in cells of the terminal that stderr goes to; undefined when it goes to a file or another program. */
  readonly talkWidth: number | undefined;
  /** Prints lines of data for people and programs to stdout, in one write. */
  data(...lines: readonly Line[]): void;
  /**
   * Prints lines or a path unchanged, to be saved or used: only control characters are removed, and no sign is
   * replaced.
   */
  verbatim(text: string): void;
  /** Prints a line for the person to stderr. */
  talk(line: Line): void;
  /** Prints a sentence to stderr like `talk`, and breaks it between words where the terminal would break within one. */
  wrapped(text: string): void;
  /** Prints a line to stderr like `talk`, dim where possible: for text that most readers may skip. */
  aside(text: string): void;
  /** Prints one JSON document, indented when stdout is a terminal. */
  json(value: unknown): void;
  /** Prints JSON in one line, for output that consists of several documents. */
  jsonLine(value: unknown): void;
  /** Prints JSON in one line to stderr: progress of a command whose data is JSON. */
  talkJson(value: unknown): void;
}

interface OutputOptions {
  readonly env: NodeJS.ProcessEnv;
  /** Whether `--plain` was given, so that no colours are used. */
  readonly plain: boolean;
}

export function processOutput({ env, plain }: OutputOptions): Output {
  // Node makes a stream of the process at its first use, which takes one or two milliseconds each.
  const stdin = { isTTY: isTerminal(0) };
  const can = capabilities({ env, plain, stdin, stdout: isTerminal(2) ? process.stderr : {} });
  const talkWidth = () => (isTerminal(2) ? process.stderr.columns || 80 : undefined);
  const talk = (line: Line) => tell('stderr', onTerminal(line, can));
  return {
    get talkWidth() {
      return talkWidth();
    },
    get width() {
      return isTerminal(1) ? process.stdout.columns || 80 : undefined;
    },
    data: (...lines) => tell('stdout', lines.map((line) => onTerminal(line, can)).join('\n')),
    verbatim(text) {
      const lines = text.replace(/\n$/, '').split('\n');
      tell('stdout', lines.map((line) => onTerminal(line, { unicode: true })).join('\n'));
    },
    talk,
    wrapped(text) {
      const cells = talkWidth();
      const words = onTerminal(String(text), can);
      if (cells === undefined) talk(words);
      else for (const line of hanging(words, cells - 1).split('\n')) talk(line);
    },
    aside: (text) => talk(styleFor(can).dim(text)),
    json: (value) => tell('stdout', harmlessJson(value, 2)),
    jsonLine: (value) => tell('stdout', harmlessJson(value)),
    talkJson: (value) => tell('stderr', harmlessJson(value)),
  };
}

const STREAMS = { stdout: { fd: 1, lost: unread }, stderr: { fd: 2, lost: unheard } };

/**
 * Writes a line to a stream of the process, and makes sure that a reader that has gone causes no crash. When the
 * stream is no terminal, it is written to synchronously, as Node does with pipes and files: making a stream loads
 * Node's network code, which takes as long as `ps` itself.
 */
function tell(name: 'stdout' | 'stderr', text: string): void {
  const { fd, lost } = STREAMS[name];
  const rest = isTerminal(fd) ? Buffer.from(`${text}\n`) : writtenAtOnce(name, Buffer.from(`${text}\n`));
  if (rest.length === 0) return;
  const stream = process[name];
  const listeners = stream.listeners('error');
  if (!listeners.includes(unread) && !listeners.includes(unheard)) stream.on('error', lost);
  stream.write(rest);
}

/** Writes as many bytes as the reader takes, and returns the rest: a pipe that must not block may be full. */
function writtenAtOnce(name: 'stdout' | 'stderr', bytes: Buffer): Buffer {
  let rest = bytes;
  try {
    while (rest.length > 0) rest = rest.subarray(writeSync(STREAMS[name].fd, rest));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // The rest is written through the stream, which waits for a full pipe, and reports a missing reader to its
    // listener.
    if (code === 'EAGAIN' || code === 'EPIPE') return rest;
    // Messages for people that cannot be written do not end the command.
    if (name === 'stderr') return Buffer.alloc(0);
    throw outputLost(error);
  }
  return rest;
}

/** The error for data that could not be written to its file or disk. */
export const outputLost = (error: unknown): EnvironmentError =>
  new EnvironmentError(`The output cannot be written: ${diskProblem(error) ?? (error as Error).message}.`, {
    id: 'command/output',
    nextSteps: ['Send it to another disk, or make room there, and run the command again.'],
    cause: error,
  });

const terminals = new Map<number, boolean>();

/**
 * Whether a descriptor is a terminal. Node's own function loads its network code, so it is called for devices alone.
 */
function isTerminal(fd: number): boolean {
  const known = terminals.get(fd);
  if (known !== undefined) return known;
  const is = isDevice(fd) && process.getBuiltinModule('node:tty').isatty(fd);
  terminals.set(fd, is);
  return is;
}

function isDevice(fd: number): boolean {
  try {
    const found = fstatSync(fd);
    // On Linux, major number 1 is the kind of device of /dev/null, which is never a terminal.
    const isNull = process.platform === 'linux' && found.rdev >> 8 === 1;
    return found.isCharacterDevice() && !isNull;
  } catch {
    // A closed descriptor is no terminal.
    return false;
  }
}

/**
 * Milliseconds that a command gets to end by itself, with its own exit code, when nobody reads its output any more.
 */
const UNREAD_MS = 1000;

/**
 * Called when the reader (such as `| head`) has closed the pipe. A run that belongs to this process is stopped, as by
 * SIGTERM.
 */
function unread(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
  // Each further write would report the error again.
  process.stdout.off('error', unread).on('error', unheard);
  const end = () => void process.kill(process.pid, 'SIGTERM');
  if (process.listenerCount('SIGTERM') > 0) end();
  else setTimeout(end, UNREAD_MS).unref();
}

/** Ignores a closed stderr, because it only takes messages for people. */
function unheard(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
}
