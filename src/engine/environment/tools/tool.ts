import { closeSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { execa } from 'execa';
import { cleanLogLine } from '../../../base/files/log-lines.ts';
import { readOurs } from '../../../base/files/regular-file.ts';
import { packageRoot } from '../../../base/package-root.ts';
import { endGroup, signalGroup } from '../../../base/process/group.ts';
import { identify, isAlive, isIdentity } from '../../../base/process/identity.ts';

export interface ToolRun {
  readonly argv: readonly [string, ...string[]];
  readonly env: NodeJS.ProcessEnv;
  /** Text for the tool's stdin. */
  readonly input?: string;
}

export interface ToolOptions {
  /** File to which all output of the tool is appended. */
  readonly log: string;
  readonly signal: AbortSignal;
  readonly onLine?: (line: string) => void;
  /** File that names the tool while it runs, for `endLeftTool`. */
  readonly owner?: string;
}

export interface ToolResult {
  readonly code: number | null;
  readonly stdout: string;
  /** The last lines of stdout and stderr together. */
  readonly tail: readonly string[];
}

/**
 * Starts a program once a line has come on stdin, and not at all when stdin ends first. So a process that is killed
 * before it could record the program leaves none running.
 */
const AFTER_A_LINE = ['/bin/sh', '-c', 'read -r _ && exec "$@"', 'sh'] as const;
const TAIL = 40;
const OUTPUT_LIMIT = 8 << 20;

/**
 * Runs pip, uv or Python in our own folder and in a process group of its own. The whole group is ended when the signal
 * aborts.
 */
export async function runTool({ argv, env, input }: ToolRun, options: ToolOptions): Promise<ToolResult> {
  const { log, signal, onLine, owner } = options;
  signal.throwIfAborted();
  const [program = '', ...args] = owner === undefined ? argv : [...AFTER_A_LINE, ...argv];
  const file = openSync(log, 'a');
  const write = (text: string) => {
    try {
      writeSync(file, text);
    } catch {
      // The disk is most likely full; the tool fails for the same reason, and reports it.
    }
  };
  write(`$ ${argv.join(' ')}\n`);
  const tail: string[] = [];
  let stdout = '';
  const running = execa(program, args, {
    cwd: packageRoot(),
    env,
    extendEnv: false,
    ...(owner === undefined ? { input: input ?? '' } : { stdin: 'pipe' }),
    detached: true,
    reject: false,
    buffer: false,
  });
  if (owner !== undefined && running.pid !== undefined) {
    rmSync(owner, { force: true });
    writeFileSync(owner, JSON.stringify(identify(running.pid) ?? null), { flag: 'wx', mode: 0o600 });
    running.stdin?.on('error', () => undefined).end(`\n${input ?? ''}`);
  }
  const abort = () => {
    if (running.pid !== undefined) signalGroup(running.pid, 'SIGKILL');
  };
  signal.addEventListener('abort', abort, { once: true });
  for (const stream of [running.stdout, running.stderr]) {
    let partial = '';
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => {
      write(text);
      if (stream === running.stdout && stdout.length < OUTPUT_LIMIT) stdout += text;
      const lines = (partial + text).split('\n');
      partial = lines.pop() ?? '';
      for (const line of lines.map(cleanLogLine).filter((l) => l !== '')) {
        tail.push(line);
        if (tail.length > TAIL) tail.shift();
        onLine?.(line);
      }
    });
  }
  try {
    const { exitCode, signal: killedBy, cause } = await running;
    signal.throwIfAborted();
    // The tool could not be started at all.
    if (exitCode === undefined && killedBy === undefined) throw cause;
    return { code: exitCode ?? null, stdout, tail };
  } finally {
    signal.removeEventListener('abort', abort);
    closeSync(file);
    if (owner !== undefined) rmSync(owner, { force: true });
  }
}

/**
 * Ends the tool, with all its processes, that a killed process left running. It would continue to write into a folder
 * that another tool fills now.
 */
export async function endLeftTool(owner: string): Promise<void> {
  const text = readOurs(owner, 4096)?.toString('utf8');
  if (text === undefined) return;
  try {
    const identity: unknown = JSON.parse(text);
    if (isIdentity(identity) && isAlive(identity) === true) await endGroup(identity.pid, 2);
  } catch (error) {
    // The file is incomplete: its process was killed while it wrote, before the tool began.
    if (!(error instanceof SyntaxError)) throw error;
  }
  rmSync(owner, { force: true });
}
