/**
 * Rows of runs that have ended, kept so that `ps` needs three looks at such a run instead of reading five files. What is
 * kept is never needed: without it, or where it is damaged or out of date, the run is read.
 *
 * A row is believed while the run's folder, its `attempts` and its exit.json are the same files with the same times of
 * change, which nobody can set back. All that visiontrain does to a run shows in one of them. Runs that another user could
 * have written to are not kept, nor any on a network disk, whose times this machine may not see at once.
 */
import { lstatSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomic } from '../../base/files/atomic.ts';
import { codeCache } from '../../base/files/private-folder.ts';
import { readOurs } from '../../base/files/regular-file.ts';
import { RUN_FILES } from '../run-folder/layout.ts';
import type { RunCondition, RunRow } from './summary.ts';

/** Inode and time of change of the folder, of `attempts` and of exit.json. */
type Marks = readonly number[];
type Kept = readonly [...marks: [number, number, number, number, number, number], ...row: KeptRow];
type KeptRow = [state: string, step: number, steps: number, device: string | null, startedAt: number];

export interface EndedRuns {
  /** The row of a run; undefined when it has to be read. Then `keep` is told what was read. */
  row(name: string): RunRow | undefined;
  keep(row: RunRow): void;
  /** Writes what is kept, if it is another than before. */
  save(): void;
}

const VERSION = 1;
const MOST_BYTES = 1 << 25;
const MARKS = 6;
/** A change within the tick of a file system's clock leaves the time as it was: so younger changes are not trusted. */
const SETTLED_MS = 4000;
const OTHERS_WRITE = 0o022;
const LATEST = 1e11;
/** What Linux calls NFS, SMB (three names), Ceph, 9P (Windows from WSL), FUSE (such as sshfs), AFS, Lustre and GPFS. */
const NETWORK = new Set([
  0x6969, 0x517b, 0xff534d42, 0xfe534d42, 0xc36400, 0x1021997, 0x65735546, 0x5346414f, 0xbd00bd0, 0x47504653,
]);

/**
 * Rows kept of the runs below a folder, in a file below `cache`; undefined where nothing can be kept privately.
 */
export function endedRuns(runs: string, cache: string): EndedRuns | undefined {
  if (isNetwork(runs)) return undefined;
  const folder = codeCache(cache, 'runs');
  if (folder === undefined) return undefined;
  const path = join(folder, `${nameOf(runs)}.json`);
  const before = read(path, runs);
  const now: Record<string, Kept> = {};
  const marks = new Map<string, Marks | undefined>();
  let changed = false;
  return {
    row(name) {
      const found = marksOf(join(runs, name));
      marks.set(name, found);
      const kept = Object.hasOwn(before, name) ? before[name] : undefined;
      if (found === undefined || !isKept(kept) || found.some((mark, i) => mark !== kept[i])) return undefined;
      now[name] = kept;
      return rowOf(name, kept);
    },
    keep({ name, state, supervised, step, steps, device, started_at }) {
      const found = marks.get(name);
      const settled = Date.now() - SETTLED_MS;
      if (supervised || !isEnd(state) || found === undefined || found.some((mark, i) => i % 2 === 1 && mark > settled))
        return;
      now[name] = [...found, state, step, steps, device, started_at] as unknown as Kept;
      changed = true;
    },
    save() {
      if (!changed && Object.keys(now).length === Object.keys(before).length) return;
      try {
        writeFileAtomic(path, JSON.stringify({ version: VERSION, runs, rows: now }), 0o600);
      } catch {
        // The disk is full or may not be written to. The runs are read again the next time.
      }
    },
  };
}

/** A short name for a path. Two paths may share it: the file says whose it is. */
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
    // A damaged file is made anew.
    return {};
  }
}

/** Undefined for a folder that is not this user's alone, and for one that lacks what a run that ended has. */
function marksOf(dir: string): Marks | undefined {
  try {
    const folder = lstatSync(dir);
    if (!folder.isDirectory() || folder.uid !== process.getuid?.() || (folder.mode & OTHERS_WRITE) !== 0)
      return undefined;
    const attempts = lstatSync(join(dir, RUN_FILES.attempts));
    const exit = lstatSync(join(dir, RUN_FILES.exit));
    if (!exit.isFile() || exit.uid !== folder.uid || attempts.uid !== folder.uid) return undefined;
    return [folder.ino, folder.ctimeMs, attempts.ino, attempts.ctimeMs, exit.ino, exit.ctimeMs];
  } catch {
    return undefined;
  }
}

const isEnd = (state: unknown): state is RunCondition =>
  state === 'finished' || state === 'stopped' || state === 'failed';
const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;

function isKept(value: unknown): value is Kept {
  if (!Array.isArray(value) || value.length !== MARKS + 5) return false;
  const [state, step, steps, device, startedAt] = value.slice(MARKS);
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

function rowOf(name: string, kept: Kept): RunRow {
  const [state, step, steps, device, started_at] = kept.slice(MARKS) as KeptRow;
  const over = { phase: null, seconds_left: null, supervised: false, problem: null };
  return { name, state: state as RunCondition, step, steps, device, started_at, ...over };
}
