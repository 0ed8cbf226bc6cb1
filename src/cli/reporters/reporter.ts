import type { RunEvent } from '../../engine/events/schema.ts';

/** One face of the event stream. */
export interface Reporter {
  /** The next events, in order. */
  events(batch: readonly RunEvent[]): void;
}
