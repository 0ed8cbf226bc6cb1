/** Runs one command of a hook until none of its processes is left, with limits on time and output. */
import { type ChildProcess, spawn } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { endGroup } from '../../base/process/group.ts';
import type { HookSpecs } from '../../spec/sections/hooks.ts';

export type Hook = HookSpecs['on_start'][number] | HookSpecs['on_finish'][number];

export interface HookCall {
  readonly hook: Hook;
  /** Text for its stdin. */
  readonly input: string;
  readonly env: NodeJS.ProcessEnv;
  /** Working folder. */
  readonly cwd: string;
  /** File that its output is appended to. */
  readonly log: string;
  /** Aborted when the hook must end at once. */
  readonly signal: AbortSignal;
}

export interface HookEnd {
  /** Why the hook failed, as the rest of a sentence; undefined when it ended with code 0. */
  readonly failure: string | undefined;
  /** The beginning and the end of its stdout. */
  readonly stdout: string;
}

/** Most bytes of one hook's output that are kept in the log, and of its stdout in which an answer is looked for. */
const MOST_LOGGED = 1 << 16;
const MOST_READ = 1 << 18;
/** Seconds from SIGTERM to SIGKILL. */
const GRACE = 5;

/** Runs the hook and resolves when all processes of its group have ended. */
export async function runHook({ hook, input, env, cwd, log, signal }: HookCall): Promise<HookEnd> {
  const [program, ...args] = typeof hook.run === 'string' ? ['/bin/sh', '-c', hook.run] : hook.run;
  let child: ChildProcess;
  try {
    child = spawn(program as string, args, { env, cwd, detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    });
  } catch (error) {
    return { failure: `could not be started (${(error as NodeJS.ErrnoException).code})`, stdout: '' };
  }
  const group = child.pid as number;
  const output = collect(child, log);
  // A hook that does not read its stdin closes the pipe, which is no failure.
  child.stdin?.on('error', () => {});
  child.stdin?.end(input);
  const ended = new Promise<{ code: number | null; by: NodeJS.Signals | null }>((resolve) => {
    child.once('exit', (code, by) => resolve({ code, by }));
  });
  let why: string | undefined;
  const end = (reason: string) => {
    why ??= reason;
    void endGroup(group, GRACE);
  };
  const timer = setTimeout(() => end(`did not end within ${hook.timeout} s`), hook.timeout * 1000);
  const onAbort = () => end('was ended, as the supervisor ends');
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  const { code, by } = await ended;
  clearTimeout(timer);
  signal.removeEventListener('abort', onAbort);
  // Processes that the hook left in the background would hold the pipes open and outlive the run.
  await endGroup(group, GRACE);
  const stdout = output.close();
  const failure = why ?? (code === 0 ? undefined : by === null ? `ended with code ${code}` : `was ended by ${by}`);
  return { failure, stdout };
}

/** Reads both pipes to their end, and keeps a bounded part. */
function collect(child: ChildProcess, log: string): { close(): string } {
  let logged = 0;
  let head = '';
  let tail = '';
  const onChunk = (chunk: Buffer) => {
    if (logged >= MOST_LOGGED) return;
    const part = chunk.subarray(0, MOST_LOGGED - logged);
    logged += part.length;
    const cut = logged >= MOST_LOGGED ? '\n(the rest is left out)\n' : '';
    try {
      appendFileSync(log, Buffer.concat([part, Buffer.from(cut)]), { mode: 0o600 });
    } catch {
      // A full disk is reported by the run itself.
    }
  };
  child.stdout?.on('data', (chunk: Buffer) => {
    onChunk(chunk);
    const text = chunk.toString('utf8');
    if (head.length < MOST_READ) head += text;
    tail = (tail + text).slice(-MOST_READ);
  });
  child.stderr?.on('data', onChunk);
  return {
    close() {
      child.stdout?.destroy();
      child.stderr?.destroy();
      return head.length < MOST_READ ? head : tail;
    },
  };
}
