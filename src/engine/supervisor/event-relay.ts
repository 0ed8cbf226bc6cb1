/**
 * Lines that the supervisor has for events.jsonl while the trainer runs, whose file it is then. They are handed to the
 * trainer in a file, which it takes at its next step; what is left when it has ended is written by the supervisor.
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
/** Most lines that wait; the oldest go first. */
const MOST_LINES = 200;

export interface EventRelay {
  add(line: RelayedEvent): void;
  /** Hands on what waits, if the trainer has taken what was handed on before. */
  flush(): void;
  /** Writes down what the trainer has not taken. Called when it has ended. */
  finish(): void;
}

/** `complain` takes the notes that come when the run is over: nothing stands behind its last event. */
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
        // They wait for the next time, or for the end of the trainer.
      }
    },
    finish() {
      isOver = true;
      let left: RelayedEvent[] = [];
      try {
        left = JSON.parse(readOurs(path, MOST_BYTES)?.toString('utf8') ?? '[]') as RelayedEvent[];
      } catch {
        // Whatever it is, it was not written here.
      }
      rmSync(path, { force: true });
      for (const line of [...left, ...waiting]) write(line);
      waiting = [];
    },
  };
}
