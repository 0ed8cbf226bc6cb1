import { setTimeout as sleep } from 'node:timers/promises';

/** Sleeps for `ms` milliseconds, or until the signal aborts. */
export async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(ms, undefined, signal === undefined ? {} : { signal });
  } catch {
    // The signal aborted the sleep; the caller's loop looks at the signal and ends.
  }
}
