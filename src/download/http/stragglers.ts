/**
 * Finds connections that are far slower than the others of the same file. Servers spread connections over machines,
 * and one machine may be faulty: its connection trickles for ever, too fast to count as stalled, and blocks its part
 * of the file.
 */

/** Seconds over which the rate of a connection is measured. */
const WINDOW = 1.5;
/**
 * Seconds after its first byte until a slow connection is doubtful (DOUBT) and until it is given up (GRACE): a distant
 * server needs a while to reach full speed.
 */
const DOUBT = 1;
const GRACE = 3;
/** Seconds until a connection without any answer is given up, when others have been answered. */
const UNANSWERED = 10;
/**
 * A connection slower than this share of the others' rate is too slow; SHARE_AT_END holds when no other part is left
 * to fetch.
 */
const SHARE = 1 / 8;
const SHARE_AT_END = 1 / 3;
/**
 * Below this rate of the others, in bytes per second, nothing is compared: on a narrow line it is chance which
 * connection gets the bandwidth.
 */
const COMPARABLE = 32 << 10;
/** Seconds for which the rate of an ended connection still counts. */
const MEMORY = 30;

/**
 * When all connections have been below COMPARABLE for this many seconds, one is opened anew, since all machines may be
 * faulty. The time doubles with each renewal.
 */
const RENEW = 10;

/** A connection as this module sees it: the number of bytes that it has brought so far. */
export interface Counted {
  readonly bytes: number;
}

interface Watch {
  readonly started: number;
  /** Time when the first byte was seen. */
  first: number | undefined;
  /** Times and byte counts of the last measurements; the oldest is just outside the window. */
  looks: { at: number; bytes: number }[];
}

export class Stragglers<C extends Counted> {
  #watched = new Map<C, Watch>();
  #past: { at: number; rate: number }[] = [];
  #slowSince: number | undefined;
  #patience = RENEW;

  /** Measures the active connections. It must be called a few times a second. */
  tick(connections: Iterable<C>, now: number): void {
    const here = new Set(connections);
    for (const [connection, watch] of this.#watched) if (!here.has(connection)) this.#end(connection, watch, now);
    for (const connection of here) {
      const watch = this.#watched.get(connection) ?? { started: now, first: undefined, looks: [] };
      this.#watched.set(connection, watch);
      if (connection.bytes > 0) watch.first ??= now;
      watch.looks.push({ at: now, bytes: connection.bytes });
      while ((watch.looks[1]?.at ?? now) <= now - WINDOW) watch.looks.shift();
    }
    this.#past = this.#past.filter(({ at }) => at > now - MEMORY);
    const answered = [...this.#watched].filter(([, { first }]) => first !== undefined && now - first >= DOUBT);
    const together = answered.reduce((sum, [connection]) => sum + this.rate(connection, now), 0);
    this.#slowSince = answered.length === 0 || together >= COMPARABLE ? undefined : (this.#slowSince ?? now);
  }

  /** Notes that a connection ended normally: its rate still shows how fast others can be. */
  ended(connection: C, now: number): void {
    const watch = this.#watched.get(connection);
    if (watch !== undefined) this.#end(connection, watch, now);
  }

  #end(connection: C, { started, first }: Watch, now: number): void {
    this.#watched.delete(connection);
    if (connection.bytes > 0)
      this.#past.push({ at: now, rate: connection.bytes / Math.max(0.05, now - (first ?? started)) });
  }

  /** Whether a connection may have to be given up. Another one may already start beside it. */
  isDoubtful(connection: C, now: number): boolean {
    return this.#isSlow(connection, now, DOUBT, SHARE);
  }

  /**
   * Whether a connection must be closed and its part given to others. `atEnd` means that no other part is left to
   * fetch.
   */
  isHopeless(connection: C, now: number, atEnd: boolean): boolean {
    const watch = this.#watched.get(connection);
    if (watch !== undefined && watch.first === undefined)
      return now - watch.started >= UNANSWERED && this.#usual(connection, now) >= COMPARABLE;
    return this.#isSlow(connection, now, GRACE, atEnd ? SHARE_AT_END : SHARE);
  }

  #isSlow(connection: C, now: number, age: number, share: number): boolean {
    const watch = this.#watched.get(connection);
    if (watch?.first === undefined || now - watch.first < age) return false;
    const usual = this.#usual(connection, now);
    return usual >= COMPARABLE && this.rate(connection, now) < usual * share;
  }

  /** The slowest connection, when all have been slow for long: a new one in its place may reach a better machine. */
  toRenew(now: number): C | undefined {
    if (this.#slowSince === undefined || now - this.#slowSince < this.#patience) return undefined;
    this.#slowSince = undefined;
    this.#patience *= 2;
    const [slowest] = [...this.#watched.keys()].sort((a, b) => this.rate(a, now) - this.rate(b, now));
    return slowest;
  }

  /** Recent rate in bytes per second; 0 while it is not known. */
  rate(connection: C, now: number): number {
    const [oldest] = this.#watched.get(connection)?.looks ?? [];
    return oldest === undefined || now <= oldest.at ? 0 : (connection.bytes - oldest.bytes) / (now - oldest.at);
  }

  /** Median rate of the other connections, including those that ended a short while ago. */
  #usual(connection: C, now: number): number {
    const others = [...this.#watched].filter(
      ([other, { first }]) => other !== connection && first !== undefined && now - first >= DOUBT,
    );
    const rates = [...others.map(([other]) => this.rate(other, now)), ...this.#past.map(({ rate }) => rate)];
    return rates.toSorted((a, b) => a - b)[Math.floor(rates.length / 2)] ?? 0;
  }
}
