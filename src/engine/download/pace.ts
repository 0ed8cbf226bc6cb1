/** How many connections pay: one at first, another only while each measurably brings more. */

/** Seconds a number of connections is watched before it is judged, and the part of them that is not counted. */
const WATCH = 2;
const SETTLE = 0.75;
/** Seconds after a connection that did not pay until the next is tried. */
const REST = 30;
/** Fewer seconds left than this are not worth another connection. */
const WORTH = 8;

export class Pace {
  #wanted: number;
  #most: number;
  #since: number;
  #bytesAt = 0;
  #counting = false;
  /** Rate of one connection fewer, while the last one is on trial. */
  #before: number | undefined;
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
      // The whole gain of a further connection would be 1 ÷ those before; two fifths of it must come.
      const pays = rate >= this.#before * (1 + 0.4 / (this.#wanted - 1));
      this.#before = undefined;
      if (!pays) {
        this.#restUntil = now + REST;
        return this.#change(this.#wanted - 1, now);
      }
    }
    if (this.#wanted < this.#most && now >= this.#restUntil && rate > 0 && left / rate > WORTH) {
      this.#before = rate;
      return this.#change(this.#wanted + 1, now);
    }
    this.#since = now;
    this.#bytesAt = received;
    return this.#wanted;
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
