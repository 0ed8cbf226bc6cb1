import { setTimeout as sleep } from 'node:timers/promises';

/** Sleeps, less when the signal aborts. */
export async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(ms, undefined, signal === undefined ? {} : { signal });
  } catch {
    // Aborted: the loop ends by itself.
  }
}
