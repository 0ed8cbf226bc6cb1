import { hanging } from './columns.ts';

/** The only door to stdout and stderr: stdout is data, stderr is talk. */
export interface Output {
  /** Cells of the terminal data goes to; undefined when it goes to a file or another program. */
  readonly width: number | undefined;
  /** The same of where words go. */
  readonly talkWidth: number | undefined;
  /** Data for the next program, with a line end added. */
  data(text: string): void;
  /** Words for the person. */
  talk(text: string): void;
  /** As `talk`, for sentences: broken between words where a terminal would break within one. */
  prose(text: string): void;
  /** One JSON document, indented for people who look at it. */
  json(value: unknown): void;
}

export function processOutput(): Output {
  process.stdout.on('error', unread);
  process.stderr.on('error', unheard);
  const talk = (text: string) => void process.stderr.write(`${text}\n`);
  const talkWidth = () => (process.stderr.isTTY ? process.stderr.columns || 80 : undefined);
  return {
    get talkWidth() {
      return talkWidth();
    },
    get width() {
      return process.stdout.isTTY ? process.stdout.columns || 80 : undefined;
    },
    data: (text) => void process.stdout.write(`${text}\n`),
    talk,
    prose(text) {
      const cells = talkWidth();
      talk(cells === undefined ? text : hanging(text, cells - 1));
    },
    json: (value) => void process.stdout.write(`${JSON.stringify(value, null, 2)}\n`),
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
