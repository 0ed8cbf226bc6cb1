/**
 * Turns byte counts into a smoothed rate and a time left for the person, and slows the download down when there is a
 * limit.
 */

/** Seconds over which the rate is smoothed (SMOOTH), and before which no rate is shown (SILENT). */
const SMOOTH = 10;
const SILENT = 1.5;

export class Rate {
  #started: number | undefined;
  #last = 0;
  #pending = 0;
  #value = 0;

  add(bytes: number, now: number): void {
    this.#started ??= now;
    if (this.#last === 0) this.#last = now;
    this.#pending += bytes;
    const passed = now - this.#last;
    if (passed < 0.25) return;
    const age = Math.min(now - this.#started, SMOOTH);
    const weight = Math.min(1, passed / Math.max(age, passed));
    this.#value += weight * (this.#pending / passed - this.#value);
    this.#pending = 0;
    this.#last = now;
  }

  /** Bytes per second; undefined while too little has been measured. */
  get(now: number): number | undefined {
    return this.#started === undefined || now - this.#started < SILENT ? undefined : Math.max(0, this.#value);
  }
}

/** A bandwidth limit for all bytes that pass through it. */
export class Throttle {
  readonly #perSecond: number;
  #free: number;

  constructor(bytesPerSecond: number, now: number) {
    this.#perSecond = bytesPerSecond;
    this.#free = now;
  }

  /** Seconds for which the flow must pause after these bytes. */
  take(bytes: number, now: number): number {
    this.#free = Math.max(this.#free, now - 0.1) + bytes / this.#perSecond;
    return Math.max(0, this.#free - now);
  }
}
