/**
 * Finds out how many connections are worth having: it starts with one and doubles the number while that measurably
 * brings more.
 */

/**
 * Seconds for which a number of connections is measured before it is judged (WATCH), and the seconds before that,
 * which do not count (SETTLE). Both are short: a server that caps each connection shows it at once, and every second
 * with too few connections is lost.
 */
const WATCH = 0.5;
const SETTLE = 0.25;
/** Seconds to wait, after connections that brought nothing, until more are tried again. */
const REST = 30;
/** With fewer seconds left than this, another connection does not help. */
const WORTH = 3;

export class ConnectionController {
  #wanted: number;
  #most: number;
  #since: number;
  #bytesAt = 0;
  #counting = false;
  /** Number and rate before the last connections were added, while those are on trial. */
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

  /**
   * Takes the number of bytes received so far and the bytes left; returns the wanted number of connections. It must be
   * called a few times a second. `now` is in seconds.
   */
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
      // New connections are worth it when they bring at least two fifths of the most they could bring.
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

  /** Forgets the last trial, because one of its connections was faulty. More connections may be tried at once. */
  forgive(): void {
    this.#restUntil = 0;
  }

  /**
   * Call this when the server complained of too many connections: one fewer is used from now on, and never more again.
   */
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
