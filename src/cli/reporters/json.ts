import type { Reporter } from './reporter.ts';

/** Prints the event stream unchanged, one line of JSON per event. */
export function jsonReporter(write: (event: unknown) => void): Reporter {
  return {
    events(batch) {
      for (const event of batch) write(event);
    },
  };
}
