/**
 * Remembers rows of ended runs, so that `ps` needs one stat for such a run instead of reading five files, and none for
 * one that it does not show. This memory is never required: without it, or where it is damaged or out of date, the run is
 * read.
 * A row is valid while the run's exit.json is the same file with the same time of change, which nobody can set back.
 * Everything that visiontrain does to a run changes it. Runs that another user could have written to are not remembered,
 * nor any on a network disk, where this machine may see new times late.
 * Two files hold the rows: all of them, and the newest with the names of what is no ended run. The second is enough to
 * show the newest, while the folder of the runs has the time of change that it had when all were looked at: it changes
 * whenever a run is made, moved or removed, and whoever starts a run changes it as well (`touchRuns`).
 */
import { lstatSync, type Stats, statfsSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { writeFileAtomic } from '../../base/files/atomic.ts';
import { codeCache } from '../../base/files/private-folder.ts';
import { readOurs } from '../../base/files/regular-file.ts';
import { stamp } from '../../base/process/claim.ts';
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
  /** What is known without a look at each run; undefined where all must be looked at. */
  readonly newest: Newest | undefined;
  /**
   * Writes what is remembered, if it changed.
   * @param looked names that were looked at: all names in the folder, or, when `all` is false, some; the others keep the
   *   row that they had
   */
  save(looked: readonly string[], all: boolean): void;
}

type Rows = Readonly<Record<string, unknown>>;

interface Newest {
  /** Inode and time of change of the folder of the runs, when all of them were looked at. */
  readonly folder: readonly [inode: number, changed: number];
  /** Names in the folder that are no ended run: runs that have not ended, and whatever else lies there. */
  readonly others: ReadonlySet<string>;
  /** Number of ended runs. */
  readonly ended: number;
  /** Rows of the newest of them. */
  readonly rows: Rows;
}

/** The rows that a list shows of those that are remembered. */
export type RowFilter = (rows: readonly RunRow[]) => readonly RunRow[];

const VERSION = 3;
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
 * The remembered rows of the runs below a folder, from files below `cache`; undefined where nothing can be stored
 * privately.
 * @param pick the rows that are shown when nobody asks for older ones
 */
export function endedRuns(runs: string, cache: string, pick: RowFilter): EndedRuns | undefined {
  if (isNetwork(runs)) return undefined;
  const folder = codeCache(cache, 'runs');
  if (folder === undefined) return undefined;
  const files = [join(folder, `${nameOf(runs)}.json`), join(folder, `${nameOf(runs)}-newest.json`)] as const;
  // It is taken before the runs are looked at, so that a change in between counts as one afterwards.
  const mark = markOf(runs);
  const newest = mark === undefined ? undefined : readNewest(files[1], runs, mark);
  let before: Rows | undefined;
  const all = (): Rows => {
    before ??= readRows(files[0], runs);
    return before;
  };
  const now = new Map<string, Kept>();
  const marks = new Map<string, Stats | undefined>();
  let changed = false;
  return {
    newest,
    row(name) {
      const exit = exitOf(runs, name);
      const kept = own(newest?.rows, name) ?? (newest?.others.has(name) ? undefined : own(all(), name));
      if (exit === undefined || !isKept(kept) || kept[0] !== exit.ino || kept[1] !== exit.ctimeMs) {
        marks.set(name, exit);
        if (kept !== undefined) changed = true;
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
    save(looked, whole) {
      const rowsChanged = changed || (whole && now.size !== Object.keys(all()).length);
      if (!rowsChanged && newest !== undefined) return;
      const rows: Record<string, unknown> = whole ? {} : { ...all() };
      for (const name of looked) delete rows[name];
      Object.assign(rows, Object.fromEntries(now));
      const shown = pick(Object.entries(rows).flatMap(([name, kept]) => (isKept(kept) ? rowOf(name, kept) : [])));
      const short = {
        folder: mark,
        others: looked.filter((name) => !now.has(name)),
        ended: Object.keys(rows).length,
        rows: Object.fromEntries(shown.map(({ name }) => [name, rows[name]])),
      };
      try {
        if (rowsChanged) write(files[0], runs, { rows });
        if (mark !== undefined) write(files[1], runs, short);
      } catch {
        // The disk is full or may not be written to. The runs are read again the next time.
      }
    },
  };
}

const own = (rows: Rows | undefined, name: string): unknown =>
  rows !== undefined && Object.hasOwn(rows, name) ? rows[name] : undefined;

const write = (path: string, runs: string, memory: object): void =>
  writeFileAtomic(path, JSON.stringify({ version: VERSION, runs, ...memory }), 0o600);

/** Tells every later list that a run below this folder began, or came from elsewhere. */
export const touchRuns = (runs: string): void => stamp(runs, new Date());

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

function readNewest(path: string, runs: string, mark: Newest['folder']): Newest | undefined {
  const { folder, others, ended, rows } = read(path, runs);
  if (!Array.isArray(folder) || folder[0] !== mark[0] || folder[1] !== mark[1]) return undefined;
  if (!Array.isArray(others) || !others.every(isName) || !isRecord(rows) || !isCount(ended)) return undefined;
  return { folder: mark, others: new Set(others), ended: ended as number, rows };
}

function readRows(path: string, runs: string): Rows {
  const { rows } = read(path, runs);
  return isRecord(rows) ? rows : {};
}

function read(path: string, runs: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(readOurs(path, MOST_BYTES)?.toString('utf8') ?? '{}');
    return isRecord(value) && value.version === VERSION && value.runs === runs ? value : {};
  } catch {
    // The file is damaged, and is made again.
    return {};
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
const isName = (value: unknown): boolean => typeof value === 'string' && value !== '' && basename(value) === value;

/** Mark of the folder of the runs; undefined where others could write to it, or where it changed a moment ago. */
function markOf(runs: string): Newest['folder'] | undefined {
  try {
    const { uid, mode, ino, ctimeMs } = statSync(runs);
    const ours = uid === process.getuid?.() && (mode & OTHERS_WRITE) === 0;
    return ours && ctimeMs <= Date.now() - SETTLED_MS ? [ino, ctimeMs] : undefined;
  } catch {
    return undefined;
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
