import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  ftruncateSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { openOurs } from '../../base/files/regular-file.ts';
import { statOf } from '../../base/files/stat.ts';
import { RUN_FILES } from './layout.ts';

/** Number of old logs that are kept beside trainer.log, as trainer.1.log (the newest) to trainer.5.log. */
const KEPT = 5;
/** Bytes of a log from which on it is rotated while the run goes on. */
export const LOG_LIMIT = 200_000_000;
/** Bytes at the end of such a log that are kept, however fast it grew. */
const LOG_TAIL = 20_000_000;
const BLOCK = 1 << 20;

const old = (runDir: string, number: number): string => join(runDir, RUN_FILES.log.replace(/\.log$/, `.${number}.log`));

/** Renames the log of the last attempt to trainer.1.log. */
export function rotateLog(runDir: string): void {
  const log = join(runDir, RUN_FILES.log);
  if (!existsSync(log)) return;
  makeRoom(runDir);
  renameSync(log, old(runDir, 1));
}

/**
 * Rotates a log that has more than `limit` bytes while the trainer goes on writing. The log is copied and then
 * truncated, because the trainer's open descriptor must stay valid. Lines before the last `tail` bytes are lost, and
 * so are lines that the trainer writes between copying and truncating.
 */
export function capLog(runDir: string, limit = LOG_LIMIT, tail = LOG_TAIL): void {
  const log = join(runDir, RUN_FILES.log);
  if ((statOf(log)?.size ?? 0) <= limit) return;
  const file = openOurs(log, constants.O_RDWR);
  try {
    try {
      makeRoom(runDir);
      copyEnd(file, old(runDir, 1), tail);
    } catch {
      // On a full disk the space is needed more than the old log.
      rmSync(old(runDir, 1), { force: true });
    }
    ftruncateSync(file, 0);
  } finally {
    closeSync(file);
  }
}

function copyEnd(from: number, path: string, bytes: number): void {
  const { size } = fstatSync(from);
  const to = openOurs(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL);
  try {
    const block = Buffer.alloc(BLOCK);
    for (let at = Math.max(0, size - bytes); at < size; ) {
      const got = readSync(from, block, 0, Math.min(BLOCK, size - at), at);
      if (got === 0) return;
      writeSync(to, block, 0, got);
      at += got;
    }
  } finally {
    closeSync(to);
  }
}

function makeRoom(runDir: string): void {
  for (let number = KEPT - 1; number >= 1; number--)
    if (existsSync(old(runDir, number))) renameSync(old(runDir, number), old(runDir, number + 1));
}
