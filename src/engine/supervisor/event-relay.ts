/**
 * Passes events of the supervisor on while the trainer owns events.jsonl. They go into a file that the trainer reads
 * at its next step; the supervisor itself writes the events that are left when the trainer has ended.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomic } from '../../base/files/atomic.ts';
import { readOurs } from '../../base/files/regular-file.ts';
import { statOf } from '../../base/files/stat.ts';
import type { Payload } from '../events/schema.ts';
import { RUN_FILES } from '../run-folder/layout.ts';
import { tryEmit } from './emit.ts';

export type RelayedEvent =
  | ({ readonly type: 'note' } & Payload<'note'>)
  | ({ readonly type: 'metric' } & Payload<'metric'>);

const MOST_BYTES = 1 << 20;
/** Most events that wait; the oldest are dropped first. */
const MOST_LINES = 200;

export interface EventRelay {
  add(line: RelayedEvent): void;
  /** Writes the waiting events into the file, if the trainer has read the last one. */
  flush(): void;
  /** Writes the events that the trainer has not read. It must be called when the trainer has ended. */
  finish(): void;
}

/** Makes a relay. `complain` gets notes that come after the end of the run: no event may follow its last one. */
export function eventRelay(dir: string, complain: (line: string) => void): EventRelay {
  const path = join(dir, RUN_FILES.control, 'told');
  let waiting: RelayedEvent[] = [];
  let isOver = false;
  const write = (line: RelayedEvent) => {
    const { type, ...payload } = line;
    if (type === 'note') tryEmit(dir, type, payload as Payload<'note'>);
    else tryEmit(dir, type, payload as Payload<'metric'>);
  };
  return {
    add(line) {
      if (isOver) {
        if (line.type === 'note') complain(line.text);
        return;
      }
      waiting = [...waiting, line].slice(-MOST_LINES);
      this.flush();
    },
    flush() {
      if (waiting.length === 0 || isOver || statOf(path) !== undefined) return;
      try {
        writeFileAtomic(path, JSON.stringify(waiting));
        waiting = [];
      } catch {
        // The events wait for the next try, or for the end of the trainer.
      }
    },
    finish() {
      isOver = true;
      let left: RelayedEvent[] = [];
      try {
        left = JSON.parse(readOurs(path, MOST_BYTES)?.toString('utf8') ?? '[]') as RelayedEvent[];
      } catch {
        // The event could not be written, for whatever reason.
      }
      rmSync(path, { force: true });
      for (const line of [...left, ...waiting]) write(line);
      waiting = [];
    },
  };
}
