/**
 * Fetches all missing pieces of one file from one source: it opens connections, decides their number, and reacts to
 * faults.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { PIECE, type PieceRange } from '../file/pieces.ts';
import { Fault } from '../http/fault.ts';
import type { Address } from '../http/sources.ts';
import { Stragglers } from '../http/stragglers.ts';
import { Connection, type ConnectionJob, type SourceState, Superseded } from './connection.ts';
import { ConnectionController } from './connection-controller.ts';
import { rangeLength } from './range-length.ts';
import type { SourceJob } from './source-job.ts';
import { Tries } from './tries.ts';

export interface TransferInput extends SourceJob {
  readonly address: Address;
}

/** Half of a connection's range is given to another connection only when the range needs more seconds than this. */
const WORTH_SHARING = 1;

const seconds = () => performance.now() / 1000;

/**
 * Resolves when every piece is on disk and hashed.
 * @throws Fault when the source is used up; AbortError; the disk's error
 */
export async function transfer(input: TransferInput): Promise<void> {
  const run = new Transfer(input);
  try {
    await run.toTheEnd();
  } finally {
    run.stop();
  }
}

class Transfer {
  readonly #input: TransferInput;
  readonly #source: SourceState;
  readonly #controller: ConnectionController;
  readonly #connections = new Set<Connection>();
  readonly #stragglers = new Stragglers<Connection>();
  readonly #stop = new AbortController();
  readonly #started = seconds();
  readonly #ticker: NodeJS.Timeout;
  readonly #job: ConnectionJob;
  readonly #tries: Tries;
  #running: Promise<void>[] = [];
  #whole: Connection | undefined;
  #received = 0;
  #gained = 0;
  #badRanges = 0;
  #waiting: Promise<void> | undefined;
  #failure: Error | undefined;

  constructor(input: TransferInput) {
    this.#input = input;
    this.#tries = new Tries(input.settings);
    this.#source = { address: input.address, resolved: undefined, etag: undefined, ranges: true };
    this.#controller = new ConnectionController(input.settings.connections, this.#started);
    this.#job = {
      source: this.#source,
      client: input.client,
      partialFile: input.partialFile,
      name: input.name,
      sha256: input.sha256,
      signal: AbortSignal.any([input.signal, this.#stop.signal]),
      partial: input.partial,
      note: (text) => input.watcher.note(text),
      takeWhole: (connection) => this.#takeWhole(connection),
      received: (bytes, fresh) => {
        this.#received += bytes;
        this.#gained += fresh;
        input.watcher.received(bytes, fresh);
        return input.throttle?.take(bytes, seconds()) ?? 0;
      },
    };
    this.#ticker = setInterval(() => this.#tick(), 125);
  }

  stop(): void {
    clearInterval(this.#ticker);
    this.#stop.abort(new Superseded('stopped'));
  }

  async toTheEnd(): Promise<void> {
    const { partialFile } = this.#input;
    for (;;) {
      this.#fill();
      while (this.#running.length > 0) {
        await Promise.race(this.#running);
        if (this.#failure) {
          this.#stop.abort(this.#failure);
          await Promise.all(this.#running);
          throw this.#failure;
        }
        this.#fill();
      }
      // Reading pieces of an earlier process may find damage, and then there is more to fetch.
      await partialFile.hashed(() => {}, this.#input.signal);
      if (partialFile.pieces.complete) return;
    }
  }

  #tick(): void {
    this.#giveUpStragglers();
    const left = this.#input.partialFile.pieces.size - this.#input.partialFile.pieces.doneBytes;
    const before = this.#controller.wanted;
    const wanted = this.#controller.tick(seconds(), this.#received, left);
    if (wanted <= before || !this.#source.ranges) return;
    // A single connection has taken everything that is left, so it gives away the further part of its range.
    for (const connection of this.#connections) {
      const keep = Math.ceil((connection.position + this.#rangeLength(wanted)) / PIECE) * PIECE;
      if (keep < connection.to) connection.to = keep;
    }
    this.#fill();
  }

  /** Closes connections that are far slower than the others. Another one continues from the byte they had reached. */
  #giveUpStragglers(): void {
    const now = seconds();
    this.#stragglers.tick(this.#connections, now);
    // Under a bandwidth limit the connections take turns, so their rates say nothing.
    if (!this.#source.ranges || this.#whole !== undefined || this.#input.throttle !== undefined) return;
    const atEnd = this.#nextRange() === undefined;
    const renewed = this.#stragglers.toRenew(now);
    for (const connection of this.#connections)
      if (connection === renewed || this.#stragglers.isHopeless(connection, now, atEnd)) {
        connection.giveUp();
        this.#controller.forgive();
      }
    this.#fill();
  }

  #nextRange() {
    const { partialFile, partial } = this.#input;
    return partialFile.pieces.nextMissing(
      (piece) => [...this.#connections].some((connection) => connection.holds(piece)),
      (piece) => partial.has(piece),
      this.#rangeLength(this.#controller.wanted),
    );
  }

  /**
   * A range for an idle connection: the further half of the largest remaining range; undefined when none is worth
   * sharing.
   */
  #share(): PieceRange | undefined {
    const now = seconds();
    const timeLeft = (connection: Connection) =>
      (connection.to - connection.position) / Math.max(1, this.#stragglers.rate(connection, now));
    const [last] = [...this.#connections].sort((a, b) => timeLeft(b) - timeLeft(a));
    if (last === undefined || last.bytes === 0 || timeLeft(last) < WORTH_SHARING) return undefined;
    const to = last.to;
    const from = Math.ceil((last.position + (to - last.position) / 2) / PIECE) * PIECE;
    if (from >= to || from <= last.position) return undefined;
    last.to = from;
    return { from, to };
  }

  #rangeLength(connections: number): number {
    const { size, doneBytes } = this.#input.partialFile.pieces;
    const passed = seconds() - this.#started;
    return rangeLength({ connections, left: size - doneBytes, received: this.#received, passed });
  }

  /** Starts connections until there are as many as wanted, or no range is left. */
  #fill(): void {
    const { settings, watcher } = this.#input;
    while (this.#failure === undefined && this.#waiting === undefined) {
      const wanted = this.#source.ranges ? this.#controller.wanted : 1;
      const now = seconds();
      const working = [...this.#connections].filter((connection) => !this.#stragglers.isDoubtful(connection, now));
      if (working.length >= wanted || this.#connections.size >= Math.max(wanted, settings.connections.most)) break;
      const range = this.#nextRange() ?? (this.#source.ranges ? this.#share() : undefined);
      if (range === undefined) break;
      this.#start(new Connection(this.#job, range));
    }
    watcher.connections(this.#connections.size);
  }

  #start(connection: Connection): void {
    this.#connections.add(connection);
    const work = connection
      .run()
      .catch((error: Error) => this.#onError(error))
      .then(async () => {
        this.#connections.delete(connection);
        this.#stragglers.ended(connection, seconds());
        if (this.#whole === connection) this.#whole = undefined;
        await this.#waiting;
        this.#running = this.#running.filter((other) => other !== work);
      });
    this.#running.push(work);
  }

  #takeWhole(connection: Connection): boolean {
    this.#whole ??= connection;
    return this.#whole === connection;
  }

  #onError(error: Error): void {
    if (error instanceof Superseded || this.#failure !== undefined) return;
    if (!(error instanceof Fault)) {
      this.#failure = error;
      return;
    }
    this.#meet(error);
  }

  /** Counts a fault, and then waits for the next try or gives the source up. */
  #meet(fault: Fault): void {
    const { settings, watcher, signal } = this.#input;
    if (fault.kind === 'expired') this.#source.resolved = undefined;
    if (fault.kind === 'range' || fault.kind === 'unsatisfiable') {
      this.#badRanges += 1;
      if (this.#badRanges > 1) this.#source.ranges = false;
    }
    if (fault.kind === 'busy' || fault.kind === 'denied') this.#controller.complain(seconds());
    // When the network goes down, several connections break together, which counts as one failure.
    if (this.#waiting !== undefined) return;
    const next = this.#tries.next(fault, this.#gained);
    if (next === undefined) {
      this.#failure = fault;
      return;
    }
    const { wait, number } = next;
    watcher.note(
      `${fault.message}; try ${number} of ${settings.tries} in ${wait < 1 ? wait.toFixed(1) : Math.round(wait)} s`,
    );
    this.#waiting = sleep(wait * 1000, undefined, { signal })
      .catch(() => {
        this.#failure ??= signal.reason as Error;
      })
      .finally(() => {
        this.#waiting = undefined;
      });
  }
}
