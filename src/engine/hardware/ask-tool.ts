import { execa } from 'execa';
import { packageRoot } from '../../base/package-root.ts';
import { signalGroup } from '../../base/process/group.ts';

/** The result of asking a tool. `text` is its stdout; after a failure it includes stderr. */
export type ToolAnswer =
  | { readonly kind: 'answered'; readonly text: string }
  | { readonly kind: 'failed'; readonly text: string }
  | { readonly kind: 'missing' }
  | { readonly kind: 'hangs' };

export interface ToolQuestion {
  readonly name: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** Text for the tool's stdin. */
  readonly input?: string;
  readonly patienceMs?: number;
  /** Kills the tool with all that it started when it aborts. */
  readonly signal?: AbortSignal | undefined;
}

/** Milliseconds after which a tool counts as hanging. A driver without persistence mode needs about three seconds. */
const PATIENCE_MS = 5000;
/** Milliseconds after a tool's end within which its output arrives, even if another process still holds the pipe. */
const PIPE_MS = 200;
const LIMIT = 1 << 20;

/**
 * Runs a tool and returns its answer, within a time limit. Processes that the tool started are not waited for: one may
 * keep the pipe open, or survive even SIGKILL, as when a driver is being reset.
 * @throws the reason of the signal when that aborts
 */
export async function askTool(question: ToolQuestion): Promise<ToolAnswer> {
  const { name, args, input, signal, patienceMs = PATIENCE_MS } = question;
  signal?.throwIfAborted();
  const running = execa(name, args, {
    cwd: packageRoot(),
    // The format of numbers and words must not depend on the person's language.
    env: { ...question.env, LC_ALL: 'C' },
    extendEnv: false,
    ...(input === undefined ? { stdin: 'ignore' as const } : { input }),
    detached: true,
    buffer: false,
  });
  const child = running.nodeChildProcess;
  let text = '';
  let trouble = '';
  running.stdout.setEncoding('utf8').on('data', (part: string) => {
    if (text.length < LIMIT) text += part;
  });
  running.stderr.setEncoding('utf8').on('data', (part: string) => {
    if (trouble.length < LIMIT) trouble += part;
  });
  const end = await new Promise<number | 'missing' | 'hangs'>((resolve) => {
    const hangs = () => resolve('hangs');
    const timer = setTimeout(hangs, patienceMs);
    signal?.addEventListener('abort', hangs, { once: true });
    child.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'ENOENT' ? 'missing' : 126));
    child.once('exit', (code) => setTimeout(() => resolve(code ?? 126), PIPE_MS));
    child.once('close', (code) => resolve(code ?? 126));
    running
      .catch((error: NodeJS.ErrnoException) => resolve(child.pid === undefined ? unstarted(error) : 126))
      .finally(() => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', hangs);
      });
  });
  try {
    if (child.pid !== undefined && child.exitCode === null) signalGroup(child.pid, 'SIGKILL');
  } catch {
    // A tool that runs as another user cannot be killed, and ends by itself.
  }
  running.stdout.destroy();
  running.stderr.destroy();
  child.unref();
  signal?.throwIfAborted();
  if (end === 'missing' || end === 'hangs') return { kind: end };
  return end === 0 ? { kind: 'answered', text } : { kind: 'failed', text: `${text}${trouble}` };
}

/** A tool that exists but may not be run has failed; it is not missing. */
const unstarted = ({ code }: NodeJS.ErrnoException): number | 'missing' =>
  code === 'ENOENT' || code === 'ENOTDIR' ? 'missing' : 126;
