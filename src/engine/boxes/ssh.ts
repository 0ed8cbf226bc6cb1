/** Calls the person's own ssh: its arguments, and commands that are run through it. */
import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EnvironmentError } from '../../base/errors.ts';
import { sha256OfText } from '../../base/files/hash.ts';
import { isExclusive, makePrivateFolder } from '../../base/files/private-folder.ts';
import { pause } from '../../base/sleep.ts';
import { BoxError, lineFault } from './faults.ts';
import type { Box } from './known.ts';

/** A box, and what is needed to connect to it. */
export interface BoxLine {
  readonly box: Box;
  readonly env: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal | undefined;
  /** Called with the messages for people that our program on the box prints. */
  readonly heard?: ((text: string) => void) | undefined;
  /** Number of further tries after a broken connection; the usual number when missing. */
  readonly tries?: number | undefined;
  /** Called with a sentence when the connection broke and is tried again. */
  readonly say?: ((text: string) => void) | undefined;
}

/** Longest path of a socket that every system accepts, minus the 17 characters that ssh adds while it makes one. */
const MOST_SOCKET = 86;

/**
 * The socket of one connection that all commands to a box share, in a folder of this user alone; undefined where there
 * can be none.
 */
function controlPath(box: Box, env: NodeJS.ProcessEnv): string | undefined {
  const folder = join(env.XDG_RUNTIME_DIR ?? tmpdir(), `visiontrain-ssh-${process.getuid?.() ?? 0}`);
  const path = join(folder, sha256OfText(JSON.stringify(box)).slice(0, 16));
  if (path.length > MOST_SOCKET || /[%\s'"\\]/.test(path)) return undefined;
  try {
    makePrivateFolder(folder);
    return isExclusive(folder) ? path : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Options of ssh for a box. ssh never asks a question; a connection that is silent for 30 seconds is closed; commands
 * and forwarding in the person's ssh settings are turned off.
 */
export function sshOptions(box: Box, env: NodeJS.ProcessEnv): string[] {
  const control = controlPath(box, env);
  const settings = {
    BatchMode: 'yes',
    ConnectTimeout: '15',
    ServerAliveInterval: '10',
    ServerAliveCountMax: '3',
    LogLevel: 'ERROR',
    ClearAllForwardings: 'yes',
    RemoteCommand: 'none',
    ...(control === undefined
      ? { ControlPath: 'none' }
      : { ControlMaster: 'auto', ControlPath: control, ControlPersist: '60' }),
  };
  return [
    ...Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]),
    ...(box.port === undefined ? [] : ['-p', `${box.port}`]),
    ...(box.identity === undefined ? [] : ['-i', box.identity]),
    ...(box.jump === undefined ? [] : ['-J', box.jump.join(',')]),
  ];
}

/**
 * One word quoted for the shell on the box, whichever it is: sh, bash, zsh, fish and csh agree on single quotes once
 * quotes and backslashes stand outside of them.
 * @throws BoxError for a word with a control character
 */
export function farWord(word: string): string {
  // At the beginning of a word zsh replaces `=name` by the path of a program.
  if (/^(?!=)[A-Za-z0-9_@%+=:,./-]+$/.test(word)) return word;
  if (/\p{Cc}/u.test(word))
    throw new EnvironmentError(`${JSON.stringify(word)} holds a sign that no command can.`, { id: 'box/name' });
  return `'${word.replaceAll(/['\\]/g, (sign) => `'\\${sign}'`)}'`;
}

export interface FarAnswer {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface FarOptions {
  /** Text for the stdin of the command. */
  readonly input?: string;
  /** Milliseconds after which the command is given up; an hour when missing. */
  readonly limit?: number;
  /** Called with each part of the command's stdout or stderr. */
  readonly printed?: ((text: string) => void) | undefined;
  readonly heard?: ((text: string) => void) | undefined;
}

const LONGEST = 3_600_000;
const MOST_PRINTED = 64 << 20;

/**
 * Runs a program of this machine for a box, and returns its end.
 * @throws EnvironmentError when it is not installed
 */
export async function runHere(
  line: Pick<BoxLine, 'env' | 'signal'>,
  argv: readonly [string, ...string[]],
  { input = '', limit = LONGEST, printed: shown, heard }: FarOptions = {},
): Promise<FarAnswer> {
  line.signal?.throwIfAborted();
  const [program, ...args] = argv;
  const child = spawn(program, args, { env: line.env, stdio: ['pipe', 'pipe', 'pipe'] });
  const printed = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (text: string) => {
      if (printed[name].length < MOST_PRINTED) printed[name] += text;
      (name === 'stderr' ? heard : shown)?.(text);
    });
  child.stdin.on('error', () => undefined).end(input);
  const end = () => void child.kill('SIGTERM');
  const timer = setTimeout(end, limit);
  line.signal?.addEventListener('abort', end, { once: true });
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
      // The shared connection stays open in the background and may keep these pipes open.
      child.once('exit', (ended) => setTimeout(() => resolve(ended), 300));
    });
    line.signal?.throwIfAborted();
    return { code, ...printed };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new EnvironmentError(`There is no ${program} on this machine.`, {
      id: 'box/no-ssh',
      nextSteps: ['sudo apt install openssh-client rsync   or what your system has for it'],
    });
  } finally {
    clearTimeout(timer);
    line.signal?.removeEventListener('abort', end);
  }
}

/** Exit code of ssh when ssh itself failed. */
export const SSH_FAILED = 255;

/**
 * Runs a command on a box.
 * @throws BoxError when the box cannot be reached or the connection breaks
 */
export async function runThere(line: BoxLine, words: readonly string[], options: FarOptions = {}): Promise<FarAnswer> {
  const { box, env } = line;
  const command = words.map(farWord).join(' ');
  const answer = await runHere(line, ['ssh', '-T', ...sshOptions(box, env), '--', box.target, command], options);
  if (answer.code === SSH_FAILED || answer.code === null) throw lineFault(box, answer.stderr);
  return answer;
}

/** Milliseconds to wait before each further try after a broken connection. */
const WAITS = [500, 2000, 5000, 15_000, 30_000, 60_000];

/**
 * Runs a job that may be repeated, and repeats it when the connection breaks.
 * @throws BoxError that another try cannot mend, or that came too often
 */
export async function overBreaks<T>(line: BoxLine, job: () => Promise<T>): Promise<T> {
  for (let tried = 0; ; tried += 1) {
    try {
      return await job();
    } catch (error) {
      const wait = tried < (line.tries ?? WAITS.length) ? WAITS[tried] : undefined;
      if (!(error instanceof BoxError) || !error.passing || wait === undefined) throw error;
      line.say?.(`${error.message} Trying again in ${wait / 1000} s …`);
      await pause(wait, line.signal);
      line.signal?.throwIfAborted();
    }
  }
}
