/** How many connections pay: one at first, then twice as many each time, only while that measurably brings more. */

/**
 * Seconds a number of connections is watched before it is judged, and the part before them that is not counted. Short:
 * a server that caps each connection shows it at once, and every second spent below the right number is lost.
 */
const WATCH = 0.5;
const SETTLE = 0.25;
/** Seconds after connections that did not pay until more are tried again. */
const REST = 30;
/** Fewer seconds left than this are not worth another connection. */
const WORTH = 3;

export class ConnectionPace {
  #wanted: number;
  #most: number;
  #since: number;
  #bytesAt = 0;
  #counting = false;
  /** Number and rate of the connections before the last ones came, while those are on trial. */
  #before: { wanted: number; rate: number } | undefined;
  #restUntil = 0;

  constructor({ first, most }: { first: number; most: number }, now: number) {
    this.#wanted = first;
    this.#most = Math.max(first, most);
    this.#since = now;
  }

  get wanted(): number {
    return this.#wanted;
  }

  /** To be called a few times a second with all bytes received so far. Seconds and bytes in, number of connections out. */
  tick(now: number, received: number, left: number): number {
    if (!this.#counting && now - this.#since >= SETTLE) {
      this.#counting = true;
      this.#since = now;
      this.#bytesAt = received;
    }
    if (!this.#counting || now - this.#since < WATCH) return this.#wanted;
    const rate = (received - this.#bytesAt) / (now - this.#since);
    if (this.#before !== undefined) {
      const { wanted, rate: rateBefore } = this.#before;
      this.#before = undefined;
      // Two fifths of what the new connections could bring at most must come.
      const pays = rate >= rateBefore * (1 + 0.4 * (this.#wanted / wanted - 1));
      if (!pays) {
        this.#restUntil = now + REST;
        return this.#change(wanted, now);
      }
    }
    if (this.#wanted < this.#most && now >= this.#restUntil && rate > 0 && left / rate > WORTH) {
      this.#before = { wanted: this.#wanted, rate };
      return this.#change(Math.min(this.#most, this.#wanted * 2), now);
    }
    this.#since = now;
    this.#bytesAt = received;
    return this.#wanted;
  }

  /** A connection was ill, so that what was seen with it says nothing: more may be tried at once. */
  forgive(): void {
    this.#restUntil = 0;
  }

  /** The server complained: one fewer, and never more again. */
  complain(now: number): void {
    this.#before = undefined;
    this.#most = Math.max(1, this.#wanted - 1);
    this.#change(this.#most, now);
  }

  #change(wanted: number, now: number): number {
    this.#wanted = Math.max(1, wanted);
    this.#since = now;
    this.#counting = false;
    return this.#wanted;
  }
}
