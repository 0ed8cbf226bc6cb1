/**
 * Connections that are far slower than the others of the same file. Servers spread connections over machines, and one of
 * those may be ill: it trickles for ever, above every limit of a stall, and holds its part of the file.
 */

/** Seconds over which the rate of a connection is taken. */
const WINDOW = 1.5;
/** Seconds after its first byte until a connection is in doubt, and until it is given up: a far server needs some to get up to speed. */
const DOUBT = 1;
const GRACE = 3;
/** Seconds until a connection that has not answered is given up, while others have. */
const UNANSWERED = 10;
/** Slower than this share of the others is too slow; where nothing else is left to do, this share. */
const SHARE = 1 / 8;
const SHARE_AT_END = 1 / 3;
/** Bytes per second of the others below which nothing is compared: on a narrow line chance decides who is served. */
const COMPARABLE = 32 << 10;
/** Seconds that the rate of a connection that ended still counts. */
const MEMORY = 30;

/** Seconds all together are below that until one is opened anew, in case all are ill; twice as long each time. */
const RENEW = 10;

/** What is known of a connection: all bytes it has brought. */
export interface Counted {
  readonly bytes: number;
}

interface Watch {
  readonly started: number;
  /** When its first byte was seen. */
  first: number | undefined;
  /** Times and bytes of the last looks, the oldest just outside the window. */
  looks: { at: number; bytes: number }[];
}

export class Stragglers<C extends Counted> {
  #watched = new Map<C, Watch>();
  #past: { at: number; rate: number }[] = [];
  #slowSince: number | undefined;
  #patience = RENEW;

  /** To be called a few times a second with the connections that are at work. */
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

  /** A connection ended by itself: its rate still says what others can do. */
  ended(connection: C, now: number): void {
    const watch = this.#watched.get(connection);
    if (watch !== undefined) this.#end(connection, watch, now);
  }

  #end(connection: C, { started, first }: Watch, now: number): void {
    this.#watched.delete(connection);
    if (connection.bytes > 0)
      this.#past.push({ at: now, rate: connection.bytes / Math.max(0.05, now - (first ?? started)) });
  }

  /** It may be one to give up: another one may work beside it until that is certain. */
  isDoubtful(connection: C, now: number): boolean {
    return this.#isSlow(connection, now, DOUBT, SHARE);
  }

  /** It is to be closed, and its part of the file given to others. `atEnd`: nothing else is left to be given. */
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

  /** The slowest one, when all have been slow for long: a new one in its place may be better. */
  toRenew(now: number): C | undefined {
    if (this.#slowSince === undefined || now - this.#slowSince < this.#patience) return undefined;
    this.#slowSince = undefined;
    this.#patience *= 2;
    const [slowest] = [...this.#watched.keys()].sort((a, b) => this.rate(a, now) - this.rate(b, now));
    return slowest;
  }

  /** Bytes per second of late; 0 while nothing is known. */
  rate(connection: C, now: number): number {
    const [oldest] = this.#watched.get(connection)?.looks ?? [];
    return oldest === undefined || now <= oldest.at ? 0 : (connection.bytes - oldest.bytes) / (now - oldest.at);
  }

  /** The median of the others, those included that ended a while ago. */
  #usual(connection: C, now: number): number {
    const others = [...this.#watched].filter(
      ([other, { first }]) => other !== connection && first !== undefined && now - first >= DOUBT,
    );
    const rates = [...others.map(([other]) => this.rate(other, now)), ...this.#past.map(({ rate }) => rate)];
    return rates.toSorted((a, b) => a - b)[Math.floor(rates.length / 2)] ?? 0;
  }
}
