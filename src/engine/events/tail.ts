import { closeSync, constants, fstatSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { openOurs } from '../../base/files/regular-file.ts';
import { statOf } from '../../base/files/stat.ts';
import { pause } from '../../base/sleep.ts';
import { RUN_FILES } from '../run-folder/layout.ts';
import { checkedEvent } from './check.ts';
import { withNamesOfToday } from './older.ts';
import type { RunEvent } from './schema.ts';

const CHUNK = 4 << 20;

export interface FollowOptions {
  readonly signal?: AbortSignal;
  /** Byte offset of the first wanted line, as `EventReader.offset` gave it. */
  readonly from?: number;
  /** Milliseconds between looks at the file. It is polled because watching a file does not work on network mounts. */
  readonly intervalMs?: number;
}

/**
 * Reads events.jsonl in parts. A partial last line is kept for later, a line that is no event is skipped, events of
 * unknown types are passed on, and a file that was truncated or replaced is read again from its start.
 */
export class EventReader {
  readonly #path: string;
  #offset: number;
  #identity = '';

  constructor(runDir: string, from = 0) {
    this.#path = join(runDir, RUN_FILES.events);
    this.#offset = from;
  }

  /** Bytes read so far, up to the end of the last complete line. */
  get offset(): number {
    return this.#offset;
  }

  /**
   * The next events, at most a few megabytes of them; empty when there is nothing new, or no file yet.
   * @throws ForeignFileError when the path is no plain file
   */
  read(): RunEvent[] {
    let file: number;
    try {
      file = openOurs(this.#path, constants.O_RDONLY);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
    try {
      const { size, ino, dev } = fstatSync(file);
      const identity = `${dev}:${ino}`;
      if (size < this.#offset || (this.#identity !== '' && identity !== this.#identity)) this.#offset = 0;
      this.#identity = identity;
      return this.#readLines(file, size);
    } finally {
      closeSync(file);
    }
  }

  #readLines(file: number, size: number): RunEvent[] {
    const buffer = Buffer.allocUnsafe(Math.min(CHUNK, size - this.#offset));
    const got = readSync(file, buffer, 0, buffer.length, this.#offset);
    const end = buffer.subarray(0, got).lastIndexOf(10) + 1;
    if (end > 0) {
      this.#offset += end;
      return parseEventLines(buffer.toString('utf8', 0, end - 1));
    }
    // A line that fills the whole buffer is no event. It is skipped, because events may follow it.
    if (got === CHUNK) this.#offset = endOfLine(file, this.#offset + got, size) ?? this.#offset;
    return [];
  }
}

/** Most bytes that are skipped in search of a line end. A file without one for so long holds no events. */
const MOST_SKIPPED = 256 << 20;

/** Offset of the end of the line that an offset lies in; undefined when the line does not end. */
function endOfLine(file: number, from: number, size: number): number | undefined {
  const buffer = Buffer.allocUnsafe(CHUNK);
  for (let at = from; at < Math.min(size, from + MOST_SKIPPED); ) {
    const got = readSync(file, buffer, 0, CHUNK, at);
    if (got === 0) return undefined;
    const end = buffer.subarray(0, got).indexOf(10);
    if (end >= 0) return at + end + 1;
    at += got;
  }
  return undefined;
}

/** Yields every event written so far, in batches. */
export function* readEvents(runDir: string, from = 0): Generator<readonly RunEvent[]> {
  const reader = new EventReader(runDir, from);
  for (let before = -1; reader.offset !== before; ) {
    before = reader.offset;
    const events = reader.read();
    if (events.length > 0) yield events;
  }
}

/** Yields events as they come, in batches, until the signal aborts. `followRun` decides when a run is over. */
export async function* followEvents(runDir: string, options: FollowOptions = {}): AsyncGenerator<readonly RunEvent[]> {
  const { signal, from = 0, intervalMs = 250 } = options;
  const reader = new EventReader(runDir, from);
  while (signal?.aborted !== true) {
    const before = reader.offset;
    const events = reader.read();
    if (events.length > 0) yield events;
    if (reader.offset === before) await pause(intervalMs, signal);
  }
}

/** Present size of events.jsonl in bytes; as `from` it makes a reader skip all earlier events. */
export function eventsEnd(runDir: string): number {
  return statOf(join(runDir, RUN_FILES.events))?.size ?? 0;
}

/** Longest line of an event, in bytes. The longest events hold a prompt, or the end of a log. */
const LONGEST_LINE = 1 << 18;

/**
 * The events in a text of lines. Parsing all lines as one array is twice as fast as one by one, so only a text with a
 * damaged line is parsed line by line.
 */
export function parseEventLines(text: string): RunEvent[] {
  const lines = text.split('\n').filter((line) => line.length <= LONGEST_LINE);
  try {
    const all = JSON.parse(`[${lines.join(',')}]`) as unknown[];
    if (all.length === lines.length) return all.map(withNamesOfToday).filter(checkedEvent);
  } catch {
    // A line is damaged, so the lines are parsed one by one below.
  }
  return lines
    .flatMap((line) => {
      try {
        return [JSON.parse(line) as unknown];
      } catch {
        return [];
      }
    })
    .map(withNamesOfToday)
    .filter(checkedEvent);
}
