import { closeSync, constants, fstatSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { openOurs } from '../../base/files/regular-file.ts';
import { RUN_FILES } from '../run-folder/layout.ts';
import type { EventType, Payload } from './schema.ts';

/** The same number as EVENTS_VERSION. Importing only its type keeps zod out of programs that only append lines. */
const VERSION = 2;
const LAST_LINES = 1 << 16;

export interface EventWriter {
  write<T extends EventType>(type: T, payload: Payload<T>): void;
  close(): void;
}

/**
 * Opens events.jsonl for appending. Each line is one `write`, and `seq` continues from the last complete line. A
 * partial last line, of a writer that died, is ended first, so that it damages only itself.
 * @throws ForeignFileError when the path is not that of a plain file
 */
export function openEventWriter(runDir: string, now: () => number = Date.now): EventWriter {
  const file = openOurs(join(runDir, RUN_FILES.events), constants.O_RDWR | constants.O_APPEND | constants.O_CREAT);
  const { seq, partial } = lastLine(file);
  let next = seq + 1;
  if (partial) append(file, '\n');
  return {
    write(type, payload) {
      append(file, `${JSON.stringify({ v: VERSION, seq: next, t: now() / 1000, type, ...payload })}\n`);
      next += 1;
    },
    close: () => closeSync(file),
  };
}

function append(file: number, line: string): void {
  const bytes = Buffer.from(line);
  // A short write happens only when the disk fills up. Writing the rest then throws the disk's error.
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
}

/** Sequence number of the last line that parses (0 for none), and whether the file ends within a line. */
function lastLine(file: number): { seq: number; partial: boolean } {
  const { size } = fstatSync(file);
  if (size === 0) return { seq: 0, partial: false };
  const buffer = Buffer.alloc(Math.min(size, LAST_LINES));
  readSync(file, buffer, 0, buffer.length, size - buffer.length);
  const partial = buffer.at(-1) !== 10;
  const lines = buffer.toString('utf8').split('\n').slice(0, -1);
  for (const line of lines.reverse()) {
    try {
      const { seq } = JSON.parse(line) as { seq?: unknown };
      if (typeof seq === 'number' && Number.isSafeInteger(seq)) return { seq, partial };
    } catch {
      // The line is not complete, so the one before it counts.
    }
  }
  return { seq: 0, partial };
}
