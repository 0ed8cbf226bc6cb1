import { isatty } from 'node:tty';
import { harmlessJson } from '../../base/text.ts';
import { capabilities } from '../../terminal/capabilities.ts';
import { hanging } from '../../terminal/columns.ts';
import { styleFor } from '../../terminal/style.ts';
import { type Line, onTerminal } from '../../terminal/styled.ts';

/**
 * The only door to stdout (data) and stderr (talk). Everything that passes is harmless to a terminal: text is
 * neutralised, and only a `Styled` has colours. Signs that the terminal lacks are replaced by their twins.
 */
export interface Output {
  /** Width in cells of the terminal that stdout goes to; undefined when it goes to a file or another program. */
  readonly width: number | undefined;
  /** Width in cells of the terminal that stderr goes to; undefined when it goes to a file or another program. */
  readonly talkWidth: number | undefined;
  /** Prints a line of data for people and programs to stdout. */
  data(line: Line): void;
  /**
   * Prints lines or a path unchanged, to be saved or used: only control characters are removed, and no sign is
   * replaced.
   */
  verbatim(text: string): void;
  /** Prints a line for the person to stderr. */
  talk(line: Line): void;
  /** Prints a sentence to stderr like `talk`, and breaks it between words where the terminal would break within one. */
  wrapped(text: string): void;
  /** Prints a line to stderr like `talk`, dim where the terminal can: for what most readers may pass over. */
  aside(text: string): void;
  /** Prints one JSON document, indented if a person looks at it. */
  json(value: unknown): void;
  /** Prints JSON in one line, for output that consists of several documents. */
  jsonLine(value: unknown): void;
  /** Prints JSON in one line to stderr: progress of a command whose data is JSON. */
  talkJson(value: unknown): void;
}

interface OutputOptions {
  readonly env: NodeJS.ProcessEnv;
  /** Whether no colours are wanted: `--plain`. */
  readonly plain: boolean;
}

export function processOutput({ env, plain }: OutputOptions): Output {
  // A stream of the process is made when it is first touched, which takes a millisecond or two each.
  const stdin = { isTTY: isatty(0) };
  const can = capabilities({ env, plain, stdin, stdout: isatty(2) ? process.stderr : {} });
  const talkWidth = () => (isatty(2) ? process.stderr.columns || 80 : undefined);
  const talk = (line: Line) => tell('stderr', onTerminal(line, can));
  return {
    get talkWidth() {
      return talkWidth();
    },
    get width() {
      return isatty(1) ? process.stdout.columns || 80 : undefined;
    },
    data: (line) => tell('stdout', onTerminal(line, can)),
    verbatim(text) {
      for (const line of text.replace(/\n$/, '').split('\n')) tell('stdout', onTerminal(line, { unicode: true }));
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

const handlers = { stdout: unread, stderr: unheard };

/** Writes a line to a stream of the process, and takes care that the loss of its reader is no crash. */
function tell(name: 'stdout' | 'stderr', text: string): void {
  const stream = process[name];
  const listeners = stream.listeners('error');
  if (!listeners.includes(unread) && !listeners.includes(unheard)) stream.on('error', handlers[name]);
  stream.write(`${text}\n`);
}

/** Milliseconds that a command gets to end by itself, with its own exit code, once nobody reads its output. */
const UNREAD_MS = 1000;

/** The reader (such as `| head`) has had enough. A run that belongs to this process is stopped, as by SIGTERM. */
function unread(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
  // Each further write would report the error again.
  process.stdout.off('error', unread).on('error', unheard);
  const end = () => void process.kill(process.pid, 'SIGTERM');
  if (process.listenerCount('SIGTERM') > 0) end();
  else setTimeout(end, UNREAD_MS).unref();
}

/** A closed stderr is no reason to end, because it only takes words for people. */
function unheard(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
}
