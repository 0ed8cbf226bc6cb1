/** A lock on each file that is downloaded: one process at a time works on it, and a dead process never blocks it. */
import { readdirSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Claim, claim, whileClaimed } from '../base/process/claim.ts';
import { readJournal } from './file/journal.ts';
import { ownFolder } from './file/own-file.ts';
import { partNames } from './file/partials.ts';
import type { FileReporter } from './transfer/report.ts';

/**
 * How often the lock's folder may vanish before we give up: a second's worth of tries, more than any crowd of
 * processes causes.
 */
const MOST_VANISHED = 50;

/** Runs `job` while this process holds the lock on the file. It waits while another process holds the lock. */
export async function withFileLock<T>(
  path: string,
  signal: AbortSignal,
  report: FileReporter,
  job: () => Promise<T>,
): Promise<T> {
  const { claims } = partNames(path);
  const mine = await takeTurn(path, signal, report);
  return whileClaimed(mine, job, () => tidyClaims(claims, mine));
}

/**
 * Releases the lock. Claims of dead processes with lower numbers are removed, and the folder when nobody else waits.
 */
function tidyClaims(folder: string, mine: Claim): void {
  try {
    // Our claim goes last: if it went first, another process could claim a lower number, and the loop would remove it
    // as a dead one.
    for (const name of readdirSync(folder))
      if (Number.parseInt(name, 10) < mine.number) rmSync(join(folder, name), { force: true });
    mine.release();
    rmdirSync(folder);
  } catch {
    // Another process has claimed the file in the meantime, or somebody removed the folder.
  }
}

async function takeTurn(path: string, signal: AbortSignal, report: FileReporter): Promise<Claim> {
  const { claims, journal } = partNames(path);
  let isReported = false;
  let vanished = 0;
  for (;;) {
    try {
      ownFolder(claims);
      const result = claim(claims);
      if ('claim' in result) return result.claim;
      if (!isReported) {
        const who = result.holder.identity;
        report.stage('waiting', 0);
        report.note(
          `waiting for another visiontrain that fetches this file${who === undefined ? '' : ` (process ${who.pid} on ${who.host})`}`,
        );
        isReported = true;
      }
    } catch (error) {
      // Either the holder removed the folder after we made it and before we wrote into it, or no folder can be made
      // (below /proc).
      vanished += 1;
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || vanished > MOST_VANISHED) throw error;
    }
    const { pieces } = readJournal(journal) ?? {};
    if (pieces !== undefined) report.stage('waiting', pieces.doneBytes, pieces.size);
    await sleep(isReported ? 500 : 20, undefined, { signal });
  }
}
