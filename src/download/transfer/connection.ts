/**
 * One connection that fetches one range of the file: it sends the request, checks the answer, and turns the body into
 * pieces.
 */
import { crc32 } from 'node:zlib';
import type { PartialFile } from '../file/partial-file.ts';
import { PIECE } from '../file/pieces.ts';
import type { Client, ResponseHead } from '../http/client.ts';
import type { BodyFlow } from '../http/exchange.ts';
import { Fault, statusFault } from '../http/fault.ts';
import { checkFirstBytes, checkHeaders } from '../http/sniff.ts';
import type { Address } from '../http/sources.ts';

/** The beginning of a piece: how many of its bytes are written, and the CRC-32 of those. */
export interface PartialPiece {
  readonly bytes: number;
  readonly crc: number;
}

/** What has been learned about a source while using it. */
export interface SourceState {
  readonly address: Address;
  /** Address after the redirect. It is used again until it expires, and never written down. */
  resolved: string | undefined;
  /** Strong ETag of the first answer. */
  etag: string | undefined;
  /** False when this server sends the whole file, whatever range is asked for. */
  ranges: boolean;
}

export interface ConnectionJob {
  readonly source: SourceState;
  readonly client: Client;
  readonly partialFile: PartialFile;
  readonly name: string;
  readonly sha256: string;
  readonly signal: AbortSignal;
  /** Beginnings of pieces whose connection broke. They are on disk, and valid as long as this process lives. */
  readonly partial: Map<number, PartialPiece>;
  /**
   * Counts bytes that arrived; returns the seconds for which the flow must pause. `fresh` counts those that were
   * missing before.
   */
  received(bytes: number, fresh: number): number;
  note(text: string): void;
  /**
   * Asks whether this connection may take the whole file, which the server sends; false when another connection does.
   */
  takeWhole(connection: Connection): boolean;
}

/** Ends a connection that is no longer needed, because another connection fetches its bytes. */
export class Superseded extends Error {}

export class Connection {
  /** First byte of the range, and (below) its end, which may be moved nearer while the connection works. */
  readonly from: number;
  to: number;
  #position = 0;
  /** End of the requested range: the value of `to` when the request was sent. */
  #asked = 0;
  #bytes = 0;
  readonly #stop = new AbortController();
  #partialBytes = 0;
  /** CRC-32 of the piece so far, computed while its bytes are still in the processor's cache. */
  #crc = 0;
  /**
   * Bytes received for a piece that is on disk already. They are kept until the comparison shows whether they differ.
   */
  #second: Buffer[] = [];
  #looked = false;
  #job: ConnectionJob;

  constructor(job: ConnectionJob, range: { from: number; to: number }) {
    this.#job = job;
    this.from = range.from;
    this.to = range.to;
  }

  /** Bytes that arrived over this connection. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Closes the connection. The piece that it has begun is kept for another one. */
  giveUp(): void {
    this.#stop.abort(new Superseded('given up'));
  }

  get position(): number {
    return this.#position;
  }

  holds(piece: number): boolean {
    return piece * PIECE >= this.from && piece * PIECE < this.to;
  }

  /**
   * Fetches the range.
   * @throws Fault, Superseded, AbortError, or the disk's error
   */
  async run(): Promise<void> {
    const { source, client, partial, signal } = this.#job;
    const first = Math.floor(this.from / PIECE);
    const { bytes, crc } = partial.get(first) ?? { bytes: 0, crc: 0 };
    partial.delete(first);
    this.#partialBytes = bytes;
    this.#crc = crc;
    this.#position = this.from + this.#partialBytes;
    this.#asked = this.to;
    const shortcut = source.resolved;
    const own = new URL(source.address.url).host;
    const url = shortcut ?? source.address.url;
    let flow: BodyFlow | undefined;
    try {
      await client.send(
        {
          method: 'GET',
          url,
          token: new URL(url).host === own ? source.address.token : undefined,
          headers: this.#rangeHeaders(),
          signal: AbortSignal.any([signal, this.#stop.signal]),
        },
        {
          onHead: (head, given) => {
            flow = given;
            this.#onHead(head, shortcut !== undefined);
          },
          onData: (chunk) => this.#onData(chunk, flow),
        },
      );
      if (this.#position < this.to)
        throw new Fault('truncated', `${source.address.label} ended ${this.to - this.#position} bytes early`);
    } finally {
      const piece = Math.floor(this.#position / PIECE);
      if (this.#partialBytes > 0 && this.#second.length === 0)
        partial.set(piece, { bytes: this.#partialBytes, crc: this.#crc });
    }
  }

  #rangeHeaders(): Record<string, string> {
    const { source } = this.#job;
    if (!source.ranges) return {};
    return {
      range: `bytes=${this.#position}-${this.to - 1}`,
      ...(source.etag !== undefined && this.#position > 0 ? { 'if-range': source.etag } : {}),
    };
  }

  #onHead(head: ResponseHead, shortcut: boolean): void {
    const { source, sha256, partialFile } = this.#job;
    const { label: host } = source.address;
    const size = partialFile.pieces.size;
    const signed = shortcut || head.elsewhere;
    if (head.status !== 200 && head.status !== 206) throw statusFault(head.status, head.headers, { host, signed });
    checkHeaders(head.headers, host);
    const linked = /^(?:W\/)?"?([0-9a-f]{64})"?$/.exec(head.first['x-linked-etag'] ?? '')?.[1];
    if (linked !== undefined && linked !== sha256)
      throw new Fault('other-file', `${host} has another file under this name (SHA-256 ${linked})`);
    if (head.status === 206) this.#onPart(head, host, size);
    else this.#onWhole(head, host, size);
    const etag = head.headers.etag;
    if (etag?.startsWith('"')) source.etag ??= etag;
    if (head.elsewhere) source.resolved = head.url;
  }

  #onPart(head: ResponseHead, host: string, size: number): void {
    const match = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(head.headers['content-range'] ?? '');
    if (!match || Number(match[1]) !== this.#position)
      throw new Fault('range', `${host} sent another range than asked (${head.headers['content-range'] ?? 'unnamed'})`);
    if (match[3] !== '*' && Number(match[3]) !== size)
      throw new Fault('other-file', `${host} has a file of ${match[3]} bytes, not of ${size}`);
  }

  #onWhole(head: ResponseHead, host: string, size: number): void {
    const { source, note, takeWhole } = this.#job;
    const length = head.headers['content-length'];
    if (length !== undefined && Number(length) !== size)
      throw new Fault('other-file', `${host} has a file of ${length} bytes, not of ${size}`);
    const { etag } = head.headers;
    if (source.ranges && source.etag !== undefined && etag !== source.etag) {
      // A changed ETag is only a warning; the bytes decide. The next request, without the condition, shows whether
      // ranges work.
      source.etag = undefined;
      note(`${host} seems to have changed the file; its bytes will tell`);
      throw new Superseded('etag changed');
    }
    source.ranges &&= this.#position === 0;
    if (!takeWhole(this)) throw new Superseded('another connection takes the whole body');
    this.to = size;
    this.#asked = size;
    if (this.#position === 0) return;
    note(`${host} cannot go on in the middle and sends the file from its start; what is here already is kept`);
    this.#job.received(0, -this.#partialBytes - bytesIn(this.#job.partial));
    this.#job.partial.clear();
    this.#partialBytes = 0;
    this.#crc = 0;
    this.#position = 0;
  }

  #onData(chunk: Buffer, flow: BodyFlow | undefined): boolean {
    const { partialFile, name, source } = this.#job;
    if (!this.#looked) checkFirstBytes(chunk, this.#position, name, source.address.label);
    this.#looked = true;
    let rest = this.#position + chunk.length > this.to ? chunk.subarray(0, this.to - this.#position) : chunk;
    let fresh = 0;
    const bytes = rest.length;
    this.#bytes += bytes;
    while (rest.length > 0) {
      const piece = Math.floor(this.#position / PIECE);
      const missing = partialFile.pieces.lengthOf(piece) - this.#partialBytes;
      const part = rest.subarray(0, missing);
      rest = rest.subarray(part.length);
      if (partialFile.pieces.isDone(piece)) this.#second.push(Buffer.from(part));
      else {
        partialFile.write(part, this.#position);
        fresh += part.length;
      }
      this.#crc = crc32(part, this.#crc);
      this.#partialBytes += part.length;
      this.#position += part.length;
      if (part.length === missing) this.#finish(piece);
    }
    const hold = this.#job.received(bytes, fresh);
    if (hold > 0 && flow !== undefined) {
      flow.pause();
      setTimeout(() => flow.resume(), hold * 1000);
    }
    // When the requested range ends, the answer ends by itself, and the connection can serve the next request.
    return this.#position < this.to || this.#position === this.#asked;
  }

  #finish(piece: number): void {
    const { partialFile } = this.#job;
    const crc = this.#crc;
    const second = this.#second;
    this.#second = [];
    this.#partialBytes = 0;
    this.#crc = 0;
    // A whole body passes over pieces that are on disk already; only pieces that differ are written.
    if (!partialFile.pieces.isDone(piece)) partialFile.finish(piece, crc);
    else if (partialFile.pieces.crcOf(piece) !== crc) partialFile.replace(piece, Buffer.concat(second), crc);
  }
}

function bytesIn(partial: ReadonlyMap<number, PartialPiece>): number {
  return [...partial.values()].reduce((sum, { bytes }) => sum + bytes, 0);
}
