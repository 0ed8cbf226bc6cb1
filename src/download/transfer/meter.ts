/** Bytes into what a person sees: a smoothed rate, a time left, and a hold on the flow when there is a limit. */

/** Seconds over which the rate is smoothed, and before which none is shown. */
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

  /** Bytes per second; undefined while too little has been seen. */
  get(now: number): number | undefined {
    return this.#started === undefined || now - this.#started < SILENT ? undefined : Math.max(0, this.#value);
  }
}

/** A bandwidth limit over everything that passes through it. */
export class Throttle {
  readonly #perSecond: number;
  #free: number;

  constructor(bytesPerSecond: number, now: number) {
    this.#perSecond = bytesPerSecond;
    this.#free = now;
  }

  /** Seconds to hold the flow after these bytes. */
  take(bytes: number, now: number): number {
    this.#free = Math.max(this.#free, now - 0.1) + bytes / this.#perSecond;
    return Math.max(0, this.#free - now);
  }
}
