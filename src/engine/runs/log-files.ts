import { copyFileSync, existsSync, renameSync, rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { statOf } from '../stat.ts';
import { RUN_FILES } from './layout.ts';

/** Old logs kept beside trainer.log, as trainer.1.log (the newest) to trainer.5.log. */
const KEPT = 5;
/** A log larger than this is set aside while the run goes on. */
export const LOG_LIMIT = 200_000_000;

const old = (runDir: string, number: number): string => join(runDir, RUN_FILES.log.replace(/\.log$/, `.${number}.log`));

/** Sets the log of the last attempt aside. */
export function rotateLog(runDir: string): void {
  const log = join(runDir, RUN_FILES.log);
  if (!existsSync(log)) return;
  makeRoom(runDir);
  renameSync(log, old(runDir, 1));
}

/**
 * Sets a log aside that has grown over `limit` bytes, while the trainer goes on writing: copied and cut, since its
 * descriptor must stay good. Lines written in between are lost.
 */
export function capLog(runDir: string, limit = LOG_LIMIT): void {
  const log = join(runDir, RUN_FILES.log);
  if ((statOf(log)?.size ?? 0) <= limit) return;
  try {
    makeRoom(runDir);
    copyFileSync(log, old(runDir, 1));
  } catch {
    // A full disk needs the room more than anybody needs the log's past.
    rmSync(old(runDir, 1), { force: true });
  }
  truncateSync(log, 0);
}

function makeRoom(runDir: string): void {
  for (let number = KEPT - 1; number >= 1; number--)
    if (existsSync(old(runDir, number))) renameSync(old(runDir, number), old(runDir, number + 1));
}
