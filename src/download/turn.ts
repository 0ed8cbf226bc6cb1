/** Who may work on a file: one process at a time, whatever became of the others. */
import { readdirSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Claim, claim, HEARTBEAT_MS } from '../base/process/claim.ts';
import { readJournal } from './file/journal.ts';
import { ownFolder } from './file/own-file.ts';
import { partNames } from './file/partials.ts';
import type { FileReporter } from './transfer/report.ts';

/** More than any crowd of processes brings about; a second's worth of tries. */
const MOST_VANISHED = 50;

/** Runs `job` as the only process that works on this file; another one's work is waited for. */
export async function holding<T>(
  path: string,
  signal: AbortSignal,
  report: FileReporter,
  job: () => Promise<T>,
): Promise<T> {
  const { claims } = partNames(path);
  const mine = await takeTurn(path, signal, report);
  const beat = setInterval(() => mine.beat(), HEARTBEAT_MS);
  try {
    return await job();
  } finally {
    clearInterval(beat);
    tidyClaims(claims, mine);
  }
}

/** Gives the file back; claims of dead processes before ours go too, and the folder when nobody else waits. */
function tidyClaims(folder: string, mine: Claim): void {
  try {
    // Ours goes last: a number below it that is claimed anew would be taken for a dead one's.
    for (const name of readdirSync(folder))
      if (Number.parseInt(name, 10) < mine.number) rmSync(join(folder, name), { force: true });
    mine.release();
    rmdirSync(folder);
  } catch {
    // Another process has claimed it in the meantime, or somebody removed it.
  }
}

async function takeTurn(path: string, signal: AbortSignal, report: FileReporter): Promise<Claim> {
  const { claims, journal } = partNames(path);
  let told = false;
  let vanished = 0;
  for (;;) {
    try {
      ownFolder(claims);
      const result = claim(claims);
      if ('claim' in result) return result.claim;
      if (!told) {
        const who = result.holder.identity;
        report.stage('waiting', 0);
        report.note(
          `waiting for another visiontrain that fetches this file${who === undefined ? '' : ` (process ${who.pid} on ${who.host})`}`,
        );
        told = true;
      }
    } catch (error) {
      // The holder removed the folder between our making it and our writing into it; or none can be made (below /proc).
      vanished += 1;
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || vanished > MOST_VANISHED) throw error;
    }
    const { pieces } = readJournal(journal) ?? {};
    if (pieces !== undefined) report.stage('waiting', pieces.doneBytes, pieces.size);
    await sleep(told ? 500 : 20, undefined, { signal });
  }
}
