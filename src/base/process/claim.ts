import { readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EnvironmentError } from '../errors.ts';
import { makeFolder } from '../files/folder.ts';
import { readOurs } from '../files/regular-file.ts';
import { statOf } from '../files/stat.ts';
import { pause } from '../sleep.ts';
import { identify, isAlive, isIdentity, type ProcessIdentity } from './identity.ts';

/**
 * A claim from another machine counts as given up after this many milliseconds without a heartbeat. Holders send one
 * every HEARTBEAT_MS.
 */
export const SILENT_MS = 120_000;
const MOST_BYTES = 1 << 16;
export const HEARTBEAT_MS = 20_000;

export interface Claim {
  /** Number of the claim, counted from 1. */
  readonly number: number;
  /** Tells other machines, which cannot see this process, that it is alive. */
  beat(): void;
  /**
   * Whether another process has taken the claim over. A machine that slept, or was cut off, looked dead and must let
   * go.
   */
  lost(): boolean;
  release(): void;
  /**
   * Ends the claim but keeps its number taken, so that machines which cannot see this process need not wait for its
   * silence, and so that this process may live on and do something else.
   */
  end(): void;
}

export interface Holder {
  readonly number: number;
  readonly identity: ProcessIdentity | undefined;
  readonly live: boolean;
}

/**
 * Takes exclusive hold of something for this process, in a folder of numbered files. A new claim takes the next
 * number, which only one process can create, and only when the holder of the last number is gone. So a dead holder
 * needs no cleaning up, and two processes that find it dead at the same time cannot both take over. Returns the live
 * holder when there is one.
 * @throws EnvironmentError when the numbers are used up
 */
export function claim(folder: string): { claim: Claim } | { holder: Holder } {
  makeFolder(folder);
  for (;;) {
    const last = lastHolder(folder);
    if (last?.live === true) return { holder: last };
    const number = (last?.number ?? 0) + 1;
    if (number > MOST)
      throw new EnvironmentError(`${folder} has no number left: it holds ${last?.number}.json.`, {
        id: 'disk/claims-used-up',
        details: ['Each start takes the next number; no run is started so often.'],
        nextSteps: [`Remove that file if nobody uses what it stands for: rm ${join(folder, `${last?.number}.json`)}`],
      });
    const path = join(folder, `${number}.json`);
    try {
      writeFileSync(path, `${JSON.stringify(identify(process.pid))}\n`, { flag: 'wx' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') continue;
      throw error;
    }
    return {
      claim: {
        number,
        beat: () => stamp(path, new Date()),
        lost: () => highest(folder) > number,
        release: () => rmSync(path, { force: true }),
        end: () => stamp(path, new Date(0)),
      },
    };
  }
}

/**
 * Runs `job` while heartbeats keep the claim alive. Afterwards it calls `letGo`, whether the job succeeded or failed.
 */
export async function whileClaimed<T>(held: Claim, job: () => Promise<T>, letGo: (held: Claim) => void): Promise<T> {
  const beat = setInterval(() => held.beat(), HEARTBEAT_MS);
  try {
    return await job();
  } finally {
    clearInterval(beat);
    letGo(held);
  }
}

interface Waiting {
  /** Milliseconds between two tries. */
  readonly everyMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Called with the live holder after each try that failed. */
  readonly onWait?: (holder: Holder) => void;
}

/**
 * Waits until no other process holds the folder, runs `job` while this process does, and releases it.
 * @throws the signal's reason, or the errors of `claim` and of the job
 */
export async function withClaim<T>(folder: string, waiting: Waiting, job: () => Promise<T>): Promise<T> {
  for (;;) {
    waiting.signal?.throwIfAborted();
    const taken = claim(folder);
    if ('claim' in taken) return whileClaimed(taken.claim, job, (held) => held.release());
    waiting.onWait?.(taken.holder);
    await pause(waiting.everyMs, waiting.signal);
  }
}

/** The process that claimed last, dead or alive; undefined when no process ever did. */
export function lastHolder(folder: string, tries = 3): Holder | undefined {
  const number = highest(folder);
  if (number === 0) return undefined;
  const path = join(folder, `${number}.json`);
  const found = statOf(path);
  // The claim was released after its name was read, so another process may hold it now.
  if (found === undefined && tries > 1) return lastHolder(folder, tries - 1);
  const age = Date.now() - (found?.mtimeMs ?? 0);
  const identity = readIdentity(path);
  // The file was created but not yet written: its process is writing it right now, or died before it could.
  if (identity === undefined) return { number, identity, live: Math.abs(age) < 2_000 };
  const alive = isAlive(identity);
  const isEnded = found?.mtimeMs === 0;
  return { number, identity, live: alive === 'elsewhere' ? age < SILENT_MS : alive && !isEnded };
}

/** Sets the time of a file that tells others that this process is alive. */
export function stamp(path: string, time: Date): void {
  try {
    utimesSync(path, time, time);
  } catch {
    // Somebody removed the folder. That must not end the work of the holder.
  }
}

/** Largest number of a claim; far more claims than anything ever gets. Files with greater numbers are not ours. */
const MOST = 999_999;

function highest(folder: string): number {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch {
    return 0;
  }
  return names.reduce(
    (most, name) => (/^[1-9]\d{0,5}\.json$/.test(name) ? Math.max(most, Number.parseInt(name, 10)) : most),
    0,
  );
}

function readIdentity(path: string): ProcessIdentity | undefined {
  try {
    const value: unknown = JSON.parse(readOurs(path, MOST_BYTES)?.toString('utf8') ?? '');
    return isIdentity(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
