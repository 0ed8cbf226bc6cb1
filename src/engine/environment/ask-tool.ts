/** Asks a program one short question: what it is, which settings it has. Pip's and uv's long work goes through tool.ts. */
import { execa } from 'execa';
import { packageRoot } from '../../base/package-root.ts';
import { signalGroup } from '../../base/process/group.ts';

export interface ToolQuestion {
  readonly argv: readonly [string, ...string[]];
  readonly env: NodeJS.ProcessEnv;
  /** Milliseconds after which the program is killed. */
  readonly limitMs: number;
  /** Ends the program with all that it started, and throws. Without it the program ends with the terminal's Ctrl-C. */
  readonly signal?: AbortSignal | undefined;
}

export interface ToolAnswer {
  /** Whether it ran and ended with 0. */
  readonly worked: boolean;
  readonly stdout: string;
  readonly stderr: string;
  /** Why it could not run, or did not end: undefined when it ended by itself, with any code. */
  readonly trouble: string | undefined;
}

/** Runs the program in our own folder. @throws the reason of the signal when that aborts */
export async function askTool({ argv, env, limitMs, signal }: ToolQuestion): Promise<ToolAnswer> {
  signal?.throwIfAborted();
  const [program, ...args] = argv;
  const running = execa(program, args, {
    cwd: packageRoot(),
    env,
    extendEnv: false,
    stdin: 'ignore',
    reject: false,
    // A group of its own can be killed as a whole, and so its output ends.
    detached: signal !== undefined,
    timeout: limitMs,
    killSignal: 'SIGKILL',
  });
  const end = () => {
    if (running.pid !== undefined) signalGroup(running.pid, 'SIGKILL');
  };
  signal?.addEventListener('abort', end, { once: true });
  try {
    const { exitCode, stdout, stderr, failed, cause, timedOut } = await running;
    signal?.throwIfAborted();
    const why = timedOut ? `It did not end within ${limitMs / 1000} s.` : causeText(cause);
    const trouble = exitCode === undefined ? why : undefined;
    return { worked: !failed, stdout: stdout ?? '', stderr: stderr ?? '', trouble };
  } finally {
    signal?.removeEventListener('abort', end);
  }
}

const causeText = (cause: unknown): string => (cause instanceof Error ? cause.message : 'It was killed.');
