/** Observers: readers of the run's events inside the supervisor, which pass them on and never hold the run up. */
import { setImmediate as turn } from 'node:timers/promises';
import { pause } from '../../base/sleep.ts';
import type { RunEvent } from '../events/schema.ts';
import { EventReader } from '../events/tail.ts';

export interface Observer {
  /** Takes events in order. `isNew` is false for those of earlier attempts. */
  take(events: readonly RunEvent[], isNew: boolean): void;
  /**
   * Must be called when all events of the attempt were taken, in the order of the observers. It resolves within a time
   * limit of its own.
   */
  close(): Promise<void>;
  /** Resolves when the run may begin; rejects when it must not. */
  ready?(): Promise<void>;
  /** Why the run was stopped by this observer, as the end of a sentence. */
  readonly failure?: string | undefined;
  /** Must be called when another process owns the run. */
  abort?(): void;
  /** Milliseconds between two reads of events.jsonl, for an observer that needs them more often than usual. */
  readonly lookMs?: number;
}

/** Milliseconds between two reads of events.jsonl. */
const LOOK_MS = 500;

export interface Observation {
  /**
   * Resolves when the run may begin.
   * @throws VisiontrainError when it must not
   */
  ready(): Promise<void>;
  /** Why an observer stopped the run; undefined when none did. */
  failure(): string | undefined;
  /** Must be called when another process owns the run: the observers then do nothing more. */
  abort(): void;
  /** Reads the remaining events of the attempt and resolves when every observer has finished. */
  end(): Promise<void>;
}

/** Passes the events of attempt `attempt` to the observers, and before them those of earlier attempts. */
export function observe(
  { dir, attempt }: { readonly dir: string; readonly attempt: number },
  observers: readonly Observer[],
  complain: (line: string) => void,
): Observation {
  const idle = { ready: async () => {}, failure: () => undefined, abort: () => {}, end: async () => {} };
  if (observers.length === 0) return idle;
  const ending = new AbortController();
  const work = follow({ dir, attempt, signal: ending.signal }, observers).catch((error: unknown) =>
    complain(`The events can no longer be followed: ${(error as Error).message}`),
  );
  return {
    async ready() {
      for (const observer of observers) await observer.ready?.();
    },
    failure: () => observers.find(({ failure }) => failure !== undefined)?.failure,
    abort() {
      for (const observer of observers) observer.abort?.();
    },
    async end() {
      ending.abort();
      await work;
      for (const observer of observers) await observer.close();
    },
  };
}

interface Following {
  readonly dir: string;
  readonly attempt: number;
  readonly signal: AbortSignal;
}

async function follow({ dir, attempt, signal }: Following, observers: readonly Observer[]): Promise<void> {
  const reader = new EventReader(dir);
  const lookMs = Math.min(LOOK_MS, ...observers.map((observer) => observer.lookMs ?? LOOK_MS));
  let isNew = false;
  for (;;) {
    const isLast = signal.aborted;
    for (let before = -1; reader.offset !== before; ) {
      before = reader.offset;
      const batch = reader.read();
      for (const events of stretches(batch, attempt)) {
        isNew ||= begins(events[0], attempt);
        for (const observer of observers) observer.take(events, isNew);
        // A later attempt, which has a supervisor of its own, may have begun by now.
        if (isNew && events.at(-1)?.type === 'exit') return;
      }
      if (batch.length > 0) await turn();
    }
    if (isLast) return;
    await pause(lookMs, signal);
  }
}

const begins = (event: RunEvent | undefined, attempt: number) => event?.type === 'run' && event.attempt === attempt;

/** The events, split before the first one of the attempt and behind each `exit`. */
function stretches(batch: readonly RunEvent[], attempt: number): RunEvent[][] {
  const cut: RunEvent[][] = [];
  let now: RunEvent[] = [];
  for (const event of batch) {
    if (begins(event, attempt) && now.length > 0) {
      cut.push(now);
      now = [];
    }
    now.push(event);
    if (event.type === 'exit') {
      cut.push(now);
      now = [];
    }
  }
  return now.length > 0 ? [...cut, now] : cut;
}
