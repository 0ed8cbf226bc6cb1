/**
 * Starts the runs of a queue that can be started. There is no daemon: a supervisor whose run is over does this, and so
 * does `queue run`. Several may do it at the same time, and any of them may be killed in between: whoever starts a run
 * holds a lock, and the run's own folder shows that it was started.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../../base/errors.ts';
import { withClaim } from '../../base/process/claim.ts';
import { glanceAtPlan } from '../run-folder/run-files.ts';
import type { RunRef } from '../runs/create.ts';
import { runNames } from '../runs/list.ts';
import { isRun, runCondition } from '../runs/summary.ts';
import {
  cardsOf,
  dropEntry,
  isTaken,
  markEntry,
  plannedCard,
  type QueueEntry,
  queueEntries,
  queueFolder,
  trainsHere,
} from './entries.ts';

/** Milliseconds between two tries for the lock, which is held while a run is started: a second or two. */
const LOCK_MS = 50;

export interface Advance {
  /** Names of the runs that were started now. */
  readonly started: readonly string[];
  /** The entries that still wait. */
  readonly waiting: readonly QueueEntry[];
}

/**
 * Starts what can be started.
 * @param start starts a run and returns when its supervisor owns it; it throws when it cannot
 */
export async function advanceQueue(runs: string, start: (run: RunRef) => Promise<void>): Promise<Advance> {
  if (queueEntries(runs).length === 0) return { started: [], waiting: [] };
  return withQueue(runs, () => startFree(runs, start));
}

/** Runs `job` while no other process changes the queue. */
export const withQueue = <T>(runs: string, job: () => T | Promise<T>): Promise<T> =>
  withClaim(join(queueFolder(runs), 'lock'), { everyMs: LOCK_MS }, async () => job());

/** What prevents an entry from being started although its card is free; undefined when nothing does. */
export function heldBy(runs: string, { held, after, problem }: QueueEntry): string | undefined {
  if (held === true) return 'held back';
  if (problem !== undefined) return `cannot start: ${problem}`;
  if (after === undefined) return undefined;
  const before = join(runs, after);
  if (!isRun(before)) return `waits for ${after}, which is gone`;
  const { state } = runCondition(before);
  if (state === 'finished') return undefined;
  return state === 'live' || state === 'created' ? `waits for ${after}` : `waits for ${after}, which is ${state}`;
}

/**
 * Refuses a run whose images are gone, since it would take the card only to fail.
 * @throws UsageError
 */
function refuseGoneData(dir: string): void {
  const plan = glanceAtPlan(dir) as { data?: { root?: unknown } } | undefined;
  const root = plan?.data?.root;
  if (typeof root !== 'string' || existsSync(root)) return;
  throw new UsageError(`its pictures are gone from ${root}`, { id: 'dataset/no-folder' });
}

async function startFree(runs: string, start: (run: RunRef) => Promise<void>): Promise<Advance> {
  const busy = busyCards(runs);
  const started: string[] = [];
  for (const entry of queueEntries(runs)) {
    // The process that started the run was killed before it removed the entry.
    if (isTaken(runs, entry)) {
      dropEntry(runs, entry);
      continue;
    }
    if (heldBy(runs, entry) !== undefined) continue;
    const cards = cardsOf(entry.device);
    const waits = cards.some((card) => busy.has(card));
    // The cards of a run that needs several are kept free for it: otherwise other runs would take them one by one for
    // ever.
    for (const card of cards) busy.add(card);
    if (waits) continue;
    try {
      refuseGoneData(join(runs, entry.run));
      await start({ name: entry.run, dir: join(runs, entry.run) });
    } catch (error) {
      markEntry(runs, entry, (error as Error).message);
      for (const card of cards) busy.delete(card);
      continue;
    }
    started.push(entry.run);
    dropEntry(runs, entry);
  }
  return { started, waiting: queueEntries(runs) };
}

/** Names of the runs of this folder that train on this machine now. */
export const liveRuns = (runs: string): string[] => runNames(runs).filter((name) => trainsHere(join(runs, name)));

/** The cards of this machine that live runs of this folder use. */
function busyCards(runs: string): Set<string> {
  return new Set(
    liveRuns(runs).flatMap((name) => {
      try {
        return cardsOf(plannedCard(join(runs, name)));
      } catch {
        return [];
      }
    }),
  );
}
