import { harmlessJson } from '../../base/text.ts';
import { hanging } from '../../terminal/columns.ts';
import { type Line, onTerminal } from '../../terminal/styled.ts';

/**
 * The only door to stdout and stderr: stdout is data, stderr is talk. Whatever goes through is harmless to a terminal:
 * text is neutralised, and only a `Styled` has colours. Signs the terminal lacks are spelled.
 */
export interface Output {
  /** Cells of the terminal data goes to; undefined when it goes to a file or another program. */
  readonly width: number | undefined;
  /** The same of where words go. */
  readonly talkWidth: number | undefined;
  /** A line of data for people and programs. */
  data(line: Line): void;
  /** Lines or a path as they are, to be saved or used: control characters are taken out, no sign is spelled. */
  verbatim(text: string): void;
  /** Words for the person. */
  talk(line: Line): void;
  /** As `talk`, for sentences: broken between words where a terminal would break within one. */
  prose(text: string): void;
  /** One JSON document, indented for people who look at it. */
  json(value: unknown): void;
  /** JSON in one line, of several that are data. */
  jsonLine(value: unknown): void;
  /** The same as talk: progress of a command whose data is JSON. */
  talkJson(value: unknown): void;
}

/** `unicode`: as `Capabilities.unicode`, of both streams. */
export function processOutput(can: { readonly unicode: boolean }): Output {
  process.stdout.on('error', unread);
  process.stderr.on('error', unheard);
  const tell = (stream: NodeJS.WriteStream, text: string) => void stream.write(`${text}\n`);
  const talkWidth = () => (process.stderr.isTTY ? process.stderr.columns || 80 : undefined);
  const talk = (line: Line) => tell(process.stderr, onTerminal(line, can));
  return {
    get talkWidth() {
      return talkWidth();
    },
    get width() {
      return process.stdout.isTTY ? process.stdout.columns || 80 : undefined;
    },
    data: (line) => tell(process.stdout, onTerminal(line, can)),
    verbatim(text) {
      for (const line of text.replace(/\n$/, '').split('\n')) tell(process.stdout, onTerminal(line, { unicode: true }));
    },
    talk,
    prose(text) {
      const cells = talkWidth();
      const words = onTerminal(String(text), can);
      if (cells === undefined) talk(words);
      else for (const line of hanging(words, cells - 1).split('\n')) talk(line);
    },
    json: (value) => tell(process.stdout, harmlessJson(value, 2)),
    jsonLine: (value) => tell(process.stdout, harmlessJson(value)),
    talkJson: (value) => tell(process.stderr, harmlessJson(value)),
  };
}

/** A command that is about to end by itself gets so long to do it, with its own exit code. */
const UNREAD_MS = 1000;

/** Whoever read it (`| head`) has had enough. A run that belongs to this process is stopped, as by SIGTERM. */
function unread(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
  // Each further write tells it again.
  process.stdout.off('error', unread).on('error', unheard);
  const end = () => void process.kill(process.pid, 'SIGTERM');
  if (process.listenerCount('SIGTERM') > 0) end();
  else setTimeout(end, UNREAD_MS).unref();
}

/** Words that nobody hears are no reason to end. */
function unheard(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
}
