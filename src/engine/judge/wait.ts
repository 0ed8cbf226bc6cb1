/**
 * Makes judging wait until its card is free: after the run itself, other runs on the card, and earlier processes that
 * judge or wait.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { writeFileAtomic } from '../../base/files/atomic.ts';
import { readOurs } from '../../base/files/regular-file.ts';
import { lastHolder } from '../../base/process/claim.ts';
import { identify } from '../../base/process/identity.ts';
import { pause } from '../../base/sleep.ts';
import { isHere, plannedCard } from '../queue/entries.ts';
import { RUN_FILES } from '../run-folder/layout.ts';
import { listRuns } from '../runs/list.ts';
import { endHolder, holdJudging, holdsJudging } from './holder.ts';
import { isJudging, readJudgement } from './judgement.ts';
import { processSchema } from './schema.ts';

const MOST_NAME = 255;

const waitingSchema = z.object({
  process: processSchema,
  /** Seconds since 1970. */
  since: z.number(),
  behind: z.array(z.string().max(MOST_NAME)).describe('Names of the runs that have the card.'),
});
export type Waiting = z.infer<typeof waitingSchema>;

const MOST_BYTES = 1 << 16;
const LOOK_MS = 3000;

/** The live process that waits to judge the run; undefined when there is none. */
export function readWaiting(dir: string): Waiting | undefined {
  const bytes = readOurs(join(dir, RUN_FILES.judgeWaiting), MOST_BYTES);
  if (bytes === undefined) return undefined;
  try {
    const found = waitingSchema.safeParse(JSON.parse(bytes.toString('utf8'))).data;
    return holdsJudging(dir, RUN_FILES.judgeWaiting, found?.process) ? found : undefined;
  } catch {
    return undefined;
  }
}

/** Ends the process that waits to judge the run, and returns whether there was one. */
export function stopWaiting(dir: string): boolean {
  return endHolder(dir, readWaiting(dir)?.process);
}

/**
 * Names of the runs that use the card of a run: those that train on it, are judged on it, or have waited to be judged
 * since before `since`. The first to wait is the first to judge, so that two never start at the same time. Other
 * machines that share the folder have cards of their own with the same names.
 */
export async function cardHolders(dir: string, runs: string, since: number): Promise<readonly string[]> {
  const card = plannedCard(dir);
  const all = await listRuns(runs);
  return all
    .filter((run) => plannedCard(run.dir) === card)
    .filter((run) => {
      if (run.dir === dir) return run.state === 'live';
      if (run.state === 'live') return isHere(lastHolder(join(run.dir, RUN_FILES.attempts))?.identity);
      return isAhead(run.dir, since);
    })
    .map(({ name }) => name);
}

/** Whether a run is judged, or waits to be since before `since`. A damaged folder holds up nobody. */
function isAhead(dir: string, since: number): boolean {
  try {
    const waiting = readWaiting(dir);
    const judgement = readJudgement(dir);
    if (isJudging(dir, judgement) && isHere(judgement?.process)) return true;
    return waiting !== undefined && waiting.since < since && isHere(waiting.process);
  } catch {
    return false;
  }
}

export interface WaitInput {
  readonly dir: string;
  /** Folder of all runs. */
  readonly runs: string;
  readonly signal: AbortSignal;
  /** Milliseconds between two checks of who uses the card. */
  readonly every?: number;
  /** Called when the waiting begins, and when other runs use the card than before. */
  readonly onWait: (behind: readonly string[]) => void;
}

/**
 * Resolves when the card is free, with what gives up this process's place. Until that is called the process is known as
 * the one that waits, so that nobody else starts on the card while models and packages are made ready.
 * @throws the signal's reason
 */
export async function waitForCard({ dir, runs, signal, every = LOOK_MS, onWait }: WaitInput): Promise<() => void> {
  const path = join(dir, RUN_FILES.judgeWaiting);
  const since = Date.now() / 1000;
  const put = (behind: readonly string[]) => {
    const waiting: Waiting = { process: identify(process.pid) ?? null, since, behind: [...behind] };
    writeFileAtomic(path, `${JSON.stringify(waiting)}\n`);
  };
  let release: (() => void) | undefined = holdJudging(dir, RUN_FILES.judgeWaiting);
  const leave = () => {
    if (release === undefined) return;
    release();
    release = undefined;
    rmSync(path, { force: true });
  };
  try {
    // The place is taken before anyone else is looked for: of two that begin at the same time one sees the other.
    put([]);
    for (let known = ''; ; ) {
      const behind = await cardHolders(dir, runs, since);
      signal.throwIfAborted();
      const names = behind.join('/');
      if (names !== known) put(behind);
      if (behind.length === 0) return leave;
      if (names !== known) onWait(behind);
      known = names;
      await pause(every, signal);
      signal.throwIfAborted();
    }
  } catch (error) {
    leave();
    throw error;
  }
}

/** When a run is judged that waits for it, in words that go on a sentence. */
export const whenJudged = ({ behind }: Waiting): string =>
  behind.length === 0 ? 'as soon as all it needs is ready' : `when the card is free: ${behind.join(', ')} has it`;
