import { execFileSync } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/** A process. Its number, start time, boot and machine distinguish it from a later process with the same number. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Start time as the kernel has it: clock ticks since boot on Linux, a date on other systems. */
  readonly start: string;
  readonly boot: string;
  readonly host: string;
  /** Linux only: the namespace that `pid` counts in. Containers of one machine may share everything else. */
  readonly ns?: string;
}

/**
 * Whether a value read from a file can be the identity of a process. Number 1 is the system's first process; 0 and
 * negative numbers mean groups.
 */
export function isIdentity(value: unknown): value is ProcessIdentity {
  if (typeof value !== 'object' || value === null) return false;
  const { pid, start, boot, host, ns } = value as Readonly<Record<string, unknown>>;
  return (
    Number.isSafeInteger(pid) &&
    (pid as number) > 1 &&
    [start, boot, host].every((part) => typeof part === 'string') &&
    (ns === undefined || typeof ns === 'string')
  );
}

/** Identity of a running process; undefined when there is none. A zombie counts as none. */
export function identify(pid: number): ProcessIdentity | undefined {
  const start = startTime(pid);
  if (start === undefined) return undefined;
  const ns = namespace();
  return { pid, start, boot: bootId(), host: hostname(), ...(ns === undefined ? {} : { ns }) };
}

/**
 * Whether exactly this process still runs here; `elsewhere` when it belongs to a machine that this one cannot look
 * into.
 */
export function isAlive(identity: ProcessIdentity): boolean | 'elsewhere' {
  if (identity.host !== hostname()) return 'elsewhere';
  if (identity.boot !== bootId()) return false;
  const ns = namespace();
  if (identity.ns !== undefined && ns !== undefined && identity.ns !== ns) return 'elsewhere';
  return startTime(identity.pid) === identity.start;
}

/**
 * Whether a process belongs to this machine, maybe to another container of it. Containers have host names of their own,
 * but share the boot, and with it the machine's cards.
 */
export const isOfThisMachine = (identity: ProcessIdentity): boolean => identity.boot === bootId();

function startTime(pid: number): string | undefined {
  if (process.platform === 'linux') {
    try {
      const fields = statFields(pid);
      return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
    } catch {
      return undefined;
    }
  }
  const line = ps(['-o', 'stat=,lstart=', '-p', String(pid)]).trim();
  return line === '' || line.startsWith('Z') ? undefined : line.replace(/^\S+\s+/, '');
}

function namespace(): string | undefined {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return undefined;
  }
}

let boot: string | undefined;
function bootId(): string {
  boot ??=
    process.platform === 'linux'
      ? readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
      : execFileSync('sysctl', ['-n', 'kern.bootsessionuuid'], { encoding: 'utf8' }).trim();
  return boot;
}

/**
 * Fields of /proc/PID/stat from the third (state) on. The second, the name, may hold anything but ends at the last `)`.
 */
export function statFields(pid: number | string): string[] {
  const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  return text.slice(text.lastIndexOf(')') + 2).split(' ');
}

/** Output of `ps`, empty when it finds nothing. */
export function ps(args: readonly string[]): string {
  try {
    // The dates must read the same in every locale and time zone.
    const env = { LC_ALL: 'C', TZ: 'UTC' };
    return execFileSync('/bin/ps', args, { encoding: 'utf8', env, stdio: ['ignore', 'pipe', 'ignore'] });
  } catch {
    return '';
  }
}
