/**
 * Copies with the person's own rsync, over the person's own ssh. The part of a file that arrived is kept when the
 * connection breaks.
 */
import { lineFault } from './faults.ts';
import type { Box } from './known.ts';
import { type BoxLine, overBreaks, runHere, sshOptions } from './ssh.ts';

/** Seconds without a byte after which rsync gives up. */
const SILENCE = 60;

/** One word of the argument of `-e`, which rsync splits at spaces outside of quotes. */
const shellOption = (word: string): string => (/[\s]/.test(word) ? `"${word}"` : word);

const isPlain = (path: string): boolean => /^(?!=)[A-Za-z0-9_@%+=:,./-]+$/.test(path);

/** `user@machine:/path` in rsync's notation. */
function farPlace({ target }: Box, path: string): string {
  const at = target.indexOf('@') + 1;
  const machine = target.slice(at);
  return `${target.slice(0, at)}${machine.includes(':') ? `[${machine}]` : machine}:${path}`;
}

export interface CopyInput {
  /** Paths below `from`, which stay the same below `to`. */
  readonly files: readonly string[];
  readonly from: string;
  readonly to: string;
  /** Whether the files are sent to the box; otherwise they are copied from it. */
  readonly out: boolean;
  /** Called with the share of all bytes that has arrived, from 0 to 1. */
  readonly onShare?: ((share: number) => void) | undefined;
}

/**
 * Copies files between this machine and a box, and tries again when the connection breaks.
 * @throws BoxError
 */
export async function copyFiles(line: BoxLine, { files, from, to, out, onShare }: CopyInput): Promise<void> {
  if (files.length === 0) return;
  const { box, env } = line;
  const far = out ? to : from;
  const ends = out ? [`${from}/`, farPlace(box, `${to}/`)] : [farPlace(box, `${from}/`), `${to}/`];
  const argv = [
    'rsync',
    // Links are followed on this side only; from a box only plain files are accepted.
    ...['--times', out ? '--copy-links' : '--no-links', '--recursive', '--no-implied-dirs', '--relative'],
    ...['--files-from=-', '--from0', '--partial-dir=.partial', `--timeout=${SILENCE}`],
    '--chmod=Du=rwx,Dgo=,Fu=rw,Fgo=',
    ...(onShare === undefined ? [] : ['--info=progress2', '--no-inc-recursive', '--outbuf=L']),
    ...(isPlain(far) ? [] : ['--protect-args']),
    '-e',
    ['ssh', '-T', ...sshOptions(box, env)].map(shellOption).join(' '),
    '--',
    ...ends,
  ] as [string, ...string[]];
  const heard = onShare === undefined ? undefined : progressOf(onShare);
  await overBreaks(line, async () => {
    const answer = await runHere(line, argv, { input: files.join('\0'), printed: heard, limit: LONGEST });
    if (answer.code !== 0) throw lineFault(box, answer.stderr);
  });
}

/** Milliseconds for a copy: a day, since some connections are slow. Silence is noticed long before. */
const LONGEST = 86_400_000;

/** Reads rsync's `  1,234,567  45%  12.3MB/s`. */
function progressOf(onShare: (share: number) => void): (text: string) => void {
  return (text) => {
    const last = [...text.matchAll(/ (\d{1,3})% /g)].at(-1)?.[1];
    if (last !== undefined) onShare(Number(last) / 100);
  };
}
