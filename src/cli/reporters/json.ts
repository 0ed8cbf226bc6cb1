import type { Reporter } from './reporter.ts';

/** The event stream as it is, one line of JSON per event. */
export function jsonReporter(write: (event: unknown) => void): Reporter {
  return {
    events(batch) {
      for (const event of batch) write(event);
    },
  };
}
