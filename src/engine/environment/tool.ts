import { spawn } from 'node:child_process';
import { closeSync, openSync, writeSync } from 'node:fs';
import { cleanLogLine } from '../../base/files/log-lines.ts';
import { packageRoot } from '../../base/package-root.ts';
import { signalGroup } from '../../base/process/group.ts';

export interface ToolRun {
  readonly argv: readonly [string, ...string[]];
  readonly env: NodeJS.ProcessEnv;
  /** Text for the tool's stdin. */
  readonly input?: string;
}

export interface ToolOptions {
  /** File that everything the tool prints is appended to. */
  readonly log: string;
  readonly signal: AbortSignal;
  readonly onLine?: (line: string) => void;
}

export interface ToolResult {
  readonly code: number | null;
  readonly stdout: string;
  /** The last lines of stdout and stderr together. */
  readonly tail: readonly string[];
}

const TAIL = 40;
const OUTPUT_LIMIT = 8 << 20;

/**
 * Runs pip, uv or Python in our own folder and in a process group of its own. The whole group is ended when the signal
 * aborts.
 */
export function runTool({ argv, env, input }: ToolRun, options: ToolOptions): Promise<ToolResult> {
  const { log, signal, onLine } = options;
  signal.throwIfAborted();
  const [program, ...args] = argv;
  const file = openSync(log, 'a');
  const write = (text: string) => {
    try {
      writeSync(file, text);
    } catch {
      // The disk is most likely full; the tool meets that too, and reports it.
    }
  };
  write(`$ ${argv.join(' ')}\n`);
  const tail: string[] = [];
  let stdout = '';
  const child = spawn(program, args, { cwd: packageRoot(), env, detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
  // It is no failure when a tool does not read its input.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input ?? '');
  const abort = () => signalGroup(child.pid as number, 'SIGKILL');
  signal.addEventListener('abort', abort, { once: true });
  for (const stream of [child.stdout, child.stderr]) {
    let partial = '';
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => {
      write(text);
      if (stream === child.stdout && stdout.length < OUTPUT_LIMIT) stdout += text;
      const lines = (partial + text).split('\n');
      partial = lines.pop() ?? '';
      for (const line of lines.map(cleanLogLine).filter((l) => l !== '')) {
        tail.push(line);
        if (tail.length > TAIL) tail.shift();
        onLine?.(line);
      }
    });
  }
  return new Promise<ToolResult>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      if (signal.aborted) reject(signal.reason);
      else resolve({ code, stdout, tail });
    });
  }).finally(() => {
    signal.removeEventListener('abort', abort);
    closeSync(file);
  });
}
