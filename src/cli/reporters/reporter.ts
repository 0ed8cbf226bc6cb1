import type { RunEvent } from '../../engine/events/schema.ts';

/** Shows the stream of events in one form (lines, JSON or bars). */
export interface Reporter {
  /** Takes the next events, in order. */
  events(batch: readonly RunEvent[]): void;
}
