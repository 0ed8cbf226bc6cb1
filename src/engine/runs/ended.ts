/**
 * Remembers rows of ended runs, so that `ps` needs three stats for such a run instead of reading five files. This
 * memory is never required: without it, or where it is damaged or out of date, the run is read.
 * A row is valid while the run's folder, its `attempts` and its exit.json are the same files with the same times of
 * change, which nobody can set back. Everything that visiontrain does to a run changes one of them. Runs that another
 * user could have written to are not remembered, nor any on a network disk, where this machine may see new times late.
 */
import { lstatSync, type Stats, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomic } from '../../base/files/atomic.ts';
import { codeCache } from '../../base/files/private-folder.ts';
import { readOurs } from '../../base/files/regular-file.ts';
import { RUN_FILES } from '../run-folder/layout.ts';
import type { RunCondition, RunRow } from './summary.ts';

/** Inode and time of change of exit.json, and what the row says. */
type Kept = readonly [
  inode: number,
  changed: number,
  state: RunCondition,
  step: number,
  steps: number,
  device: string | null,
  startedAt: number,
];

export interface EndedRuns {
  /** The row of a run; undefined when it has to be read. The row that was read must then be passed to `keep`. */
  row(name: string): RunRow | undefined;
  keep(row: RunRow): void;
  /** Writes the remembered rows, if they changed. */
  save(): void;
}

const VERSION = 2;
const MOST_BYTES = 1 << 25;
const FIELDS = 7;
/**
 * Milliseconds after which a change is trusted. A second change within one tick of a file system's clock would leave
 * the time as it is.
 */
const SETTLED_MS = 4000;
const OTHERS_WRITE = 0o022;
const LATEST = 1e11;
/** What Linux calls NFS, SMB (three names), Ceph, 9P (Windows from WSL), FUSE (such as sshfs), AFS, Lustre and GPFS. */
const NETWORK = new Set([
  0x6969, 0x517b, 0xff534d42, 0xfe534d42, 0xc36400, 0x1021997, 0x65735546, 0x5346414f, 0xbd00bd0, 0x47504653,
]);

/**
 * The remembered rows of the runs below a folder, from a file below `cache`; undefined where nothing can be stored
 * privately.
 */
export function endedRuns(runs: string, cache: string): EndedRuns | undefined {
  if (isNetwork(runs)) return undefined;
  const folder = codeCache(cache, 'runs');
  if (folder === undefined) return undefined;
  const path = join(folder, `${nameOf(runs)}.json`);
  const before = read(path, runs);
  const now = new Map<string, Kept>();
  const marks = new Map<string, Stats | undefined>();
  let changed = false;
  return {
    row(name) {
      const exit = exitOf(runs, name);
      const kept = Object.hasOwn(before, name) ? before[name] : undefined;
      if (exit === undefined || !isKept(kept) || kept[0] !== exit.ino || kept[1] !== exit.ctimeMs) {
        marks.set(name, exit);
        return undefined;
      }
      now.set(name, kept);
      return rowOf(name, kept);
    },
    keep({ name, state, supervised, step, steps, device, started_at }) {
      const exit = marks.get(name);
      if (supervised || !isEnd(state) || exit === undefined || !isSettledAndOurs(join(runs, name), exit)) return;
      now.set(name, [exit.ino, exit.ctimeMs, state, step, steps, device, started_at]);
      changed = true;
    },
    save() {
      if (!changed && now.size === Object.keys(before).length) return;
      try {
        writeFileAtomic(path, JSON.stringify({ version: VERSION, runs, rows: Object.fromEntries(now) }), 0o600);
      } catch {
        // The disk is full or may not be written to. The runs are read again the next time.
      }
    },
  };
}

/** A short name for a path. Two paths may get the same name, so the file says which path it is for. */
function nameOf(path: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < path.length; i += 1) hash = Math.imul(hash ^ path.charCodeAt(i), 0x01000193) >>> 0;
  return hash.toString(16);
}

function isNetwork(path: string): boolean {
  try {
    return process.platform === 'linux' && NETWORK.has(statfsSync(path).type);
  } catch {
    return true;
  }
}

function read(path: string, runs: string): Readonly<Record<string, unknown>> {
  try {
    const value = JSON.parse(readOurs(path, MOST_BYTES)?.toString('utf8') ?? '{}');
    const sound = value.version === VERSION && value.runs === runs && typeof value.rows === 'object';
    return sound && value.rows !== null ? value.rows : {};
  } catch {
    // The file is damaged, and is made again.
    return {};
  }
}

/** What stands at the name of a run's exit.json. The path is put together by hand, as this is done for every run. */
function exitOf(runs: string, name: string): Stats | undefined {
  try {
    return lstatSync(`${runs}/${name}/${RUN_FILES.exit}`, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

/** Whether a run is this user's alone, and has an exit.json that is older than a clock's tick. */
function isSettledAndOurs(dir: string, exit: Stats): boolean {
  try {
    const folder = lstatSync(dir);
    const { uid } = lstatSync(join(dir, RUN_FILES.attempts));
    const ours = folder.isDirectory() && folder.uid === process.getuid?.() && (folder.mode & OTHERS_WRITE) === 0;
    const same = exit.uid === folder.uid && uid === folder.uid;
    return ours && same && exit.isFile() && exit.ctimeMs <= Date.now() - SETTLED_MS;
  } catch {
    return false;
  }
}

const isEnd = (state: unknown): state is RunCondition =>
  state === 'finished' || state === 'stopped' || state === 'failed';
const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;

function isKept(value: unknown): value is Kept {
  if (!Array.isArray(value) || value.length !== FIELDS) return false;
  const [, , state, step, steps, device, startedAt] = value;
  return (
    isEnd(state) &&
    isCount(step) &&
    isCount(steps) &&
    (device === null || typeof device === 'string') &&
    typeof startedAt === 'number' &&
    startedAt >= 0 &&
    startedAt < LATEST
  );
}

const rowOf = (name: string, [, , state, step, steps, device, started_at]: Kept): RunRow => ({
  name,
  state,
  step,
  steps,
  device,
  started_at,
  phase: null,
  seconds_left: null,
  supervised: false,
  problem: null,
});
