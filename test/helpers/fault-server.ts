/** A real HTTP server for one file. It can be told to misbehave in every way that downloads meet. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { gzipSync } from 'node:zlib';

/** `at` is the offset in the file where the fault strikes; `times` is how often (Infinity: permanently). */
export interface Fault {
  readonly kind: FaultKind;
  readonly at: number;
  times: number;
}

/** Faults that strike in the middle of a body. */
export const bodyFaults = ['reset', 'truncate', 'stall', 'trickle', 'corrupt'] as const;
/** Faults that replace an answer. */
export const answerFaults = [
  'drop',
  'silent',
  'html',
  'html-error',
  'pointer',
  'gzip',
  'wrong-range',
  'multipart',
  'ignore-range',
  'other-size',
  'new-etag',
  'replaced',
  'redirect-loop',
  '400',
  '401',
  '403',
  '404',
  '410',
  '416',
  '429-seconds',
  '429-date',
  '429-hour',
  '500',
  '502',
  '503',
  '504',
] as const;
export type FaultKind = (typeof bodyFaults)[number] | (typeof answerFaults)[number];

export interface Seen {
  readonly url: string;
  readonly range: string | undefined;
  readonly ifRange: string | undefined;
  readonly authorization: string | undefined;
  readonly acceptEncoding: string | undefined;
  readonly userAgent: string | undefined;
}

export class FaultServer {
  content: Buffer;
  faults: Fault[] = [];
  etag: string | undefined = '"one"';
  /** False when the server does not support ranges. */
  ranges = true;
  /** Bytes per second of each connection. */
  limit: number | undefined;
  /** Bytes per second of single connections for their whole life, by their number in the order of arrival (from 0). */
  readonly limits = new Map<number, number>();
  /** Bytes of bodies written to each connection, and whether the client has closed it. */
  readonly connections: { bytes: number; closed: boolean }[] = [];
  /** When set, answers redirect to this server, which accepts each signature for that many requests. */
  signedBy: FaultServer | undefined;
  signatureUses = Number.POSITIVE_INFINITY;
  extraHeaders: Record<string, string> = {};
  /** Bytes that `replaced` puts in place of the content, permanently. */
  replacement: Buffer | undefined;
  readonly seen: Seen[] = [];
  /** Bytes of bodies that were handed to the kernel. */
  served = 0;
  #server: Server;
  #sockets = new Map<Socket, number>();
  #signatures = new Map<string, number>();
  #armed: Fault | undefined;

  constructor(content: Buffer) {
    this.content = content;
    this.#server = createServer((request, response) => void this.#answer(request, response));
    this.#server.keepAliveTimeout = 60_000;
    this.#server.on('connection', (socket) => {
      const number = this.connections.push({ bytes: 0, closed: false }) - 1;
      this.#sockets.set(socket, number);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        const connection = this.connections[number];
        if (connection !== undefined) connection.closed = true;
      });
      socket.on('error', () => {});
    });
  }

  async start(host = '127.0.0.1', port = 0): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(port, host, resolve));
    return this;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/owner/name/model.safetensors`;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets.keys()) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { range, authorization } = request.headers;
    this.seen.push({
      url: request.url ?? '',
      range,
      ifRange: request.headers['if-range'] as string | undefined,
      authorization,
      acceptEncoding: request.headers['accept-encoding'] as string | undefined,
      userAgent: request.headers['user-agent'],
    });
    if (this.signedBy !== undefined) return this.#redirect(response);
    const signature = new URL(request.url ?? '/', 'http://x').searchParams.get('sig');
    if (signature !== null) {
      const left = this.#signatures.get(signature) ?? 0;
      if (left <= 0 || authorization !== undefined)
        return void response.writeHead(authorization === undefined ? 403 : 400).end();
      this.#signatures.set(signature, left - 1);
    }
    const match = this.ranges ? /^bytes=(\d+)-(\d*)$/.exec(range ?? '') : null;
    const asked =
      match !== null && (request.headers['if-range'] === undefined || request.headers['if-range'] === this.etag);
    const from = asked ? Number(match[1]) : 0;
    const to = asked && match[2] !== '' ? Math.min(Number(match[2]) + 1, this.content.length) : this.content.length;
    const fault = this.#strike(from, to);
    if (fault !== undefined && fault.at <= from && !(bodyFaults as readonly string[]).includes(fault.kind))
      return void this.#instead(fault.kind, { from, to, response, request });
    if (asked && from >= this.content.length)
      return void response.writeHead(416, { 'content-range': `bytes */${this.content.length}` }).end();
    response.writeHead(asked ? 206 : 200, {
      'content-type': 'application/octet-stream',
      'content-length': to - from,
      ...(this.ranges ? { 'accept-ranges': 'bytes' } : {}),
      ...(asked ? { 'content-range': `bytes ${from}-${to - 1}/${this.content.length}` } : {}),
      ...(this.etag === undefined ? {} : { etag: this.etag }),
      ...this.extraHeaders,
    });
    if (request.method === 'HEAD') return void response.end();
    await this.#body(response, from, to, fault);
  }

  /** Redirects to a signed address on another server that is valid for a number of requests. */
  #redirect(response: ServerResponse): void {
    const other = this.signedBy;
    if (other === undefined) return;
    const signature = String(Math.random());
    other.#signatures.set(signature, this.signatureUses);
    response
      .writeHead(302, { location: `http://127.0.0.1:${other.port}/signed?sig=${signature}`, ...this.extraHeaders })
      .end();
  }

  /** The fault for a request, if one lies in its range or is left from the last reset. */
  #strike(from: number, to: number): Fault | undefined {
    const fault =
      this.#armed ??
      this.faults.find((f) => f.times > 0 && f.at < to && (f.at >= from || f.times === Number.POSITIVE_INFINITY));
    this.#armed = undefined;
    if (fault === undefined) return undefined;
    const body = (bodyFaults as readonly string[]).includes(fault.kind);
    if (!body && fault.at > from) {
      // The connection breaks at the fault, and the next request meets the fault itself.
      this.#armed = { ...fault, at: 0 };
      fault.times -= 1;
      return { kind: 'reset', at: fault.at, times: 1 };
    }
    fault.times -= 1;
    return { ...fault, at: Math.max(fault.at, body ? from : 0) };
  }

  async #body(response: ServerResponse, from: number, to: number, fault: Fault | undefined): Promise<void> {
    const started = performance.now();
    const number = this.#sockets.get(response.socket as Socket) ?? -1;
    const connection = this.connections[number];
    const limit = this.limits.get(number) ?? this.limit;
    const step = limit === undefined ? 1 << 16 : Math.max(1, Math.min(1 << 16, Math.ceil(limit / 8)));
    for (let at = from; at < to; ) {
      const stop = fault !== undefined && at <= fault.at ? Math.min(fault.at, to) : to;
      if (fault !== undefined && at === stop && fault.kind !== 'corrupt')
        return this.#interrupt(fault.kind, response, at, to);
      let end = Math.min(at + step, stop);
      if (end === at) end = Math.min(at + step, to);
      let chunk = this.content.subarray(at, end);
      if (fault?.kind === 'corrupt' && fault.at >= at && fault.at < end) {
        chunk = Buffer.from(chunk);
        chunk[fault.at - at] = (chunk[fault.at - at] ?? 0) ^ 0xff;
      }
      const sent = chunk.length;
      const room = response.write(chunk, (error) => {
        if (error) return;
        this.served += sent;
        if (connection !== undefined) connection.bytes += sent;
      });
      if (!room && !(await drained(response))) return;
      if (response.destroyed) return;
      at = end;
      // A client that has all announced bytes may send its next request at once, and would then wait for the end of
      // this answer.
      if (limit !== undefined && at < to) {
        const wait = ((at - from) / limit) * 1000 - (performance.now() - started);
        if (wait > 1) await new Promise((resolve) => setTimeout(resolve, wait));
      }
    }
    response.end();
  }

  async #interrupt(kind: FaultKind, response: ServerResponse, at: number, to: number): Promise<void> {
    // The written bytes must have left first, or the fault would strike too early.
    await new Promise((resolve) => setTimeout(resolve, 5));
    if (kind === 'reset') return void response.socket?.resetAndDestroy();
    if (kind === 'truncate') return void response.socket?.end();
    if (kind === 'trickle')
      for (let i = at; i < to && !response.destroyed; i += 1) {
        response.write(this.content.subarray(i, i + 1));
        this.served += 1;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
  }

  #instead(
    kind: FaultKind,
    { from, to, response, request }: { from: number; to: number; response: ServerResponse; request: IncomingMessage },
  ): unknown {
    const send = (status: number, headers: Record<string, string | number>, body: Buffer | string = '') => {
      this.served += body.length;
      response.writeHead(status, headers).end(body);
    };
    const range = { 'content-range': `bytes ${from}-${to - 1}/${this.content.length}` };
    const page = '<!DOCTYPE html><html><body>Please log in</body></html>';
    if (kind === 'drop') return request.socket.destroy();
    if (kind === 'silent') return undefined;
    if (kind === 'html') return send(200, { 'content-type': 'text/html', 'content-length': page.length }, page);
    if (kind === 'html-error') return send(503, { 'content-type': 'text/html' }, page);
    if (kind === 'pointer') {
      const pointer = Buffer.alloc(to - from, 'version https://git-lfs.github.com/spec/v1\noid sha256:00\n');
      return send(206, { ...range, 'content-length': pointer.length }, pointer);
    }
    if (kind === 'gzip') {
      // The beginning is enough, because the client refuses the body by its header.
      const body = gzipSync(this.content.subarray(from, Math.min(to, from + 65_536)));
      return send(
        from === 0 ? 200 : 206,
        { ...range, 'content-encoding': 'gzip', 'content-length': body.length },
        body,
      );
    }
    if (kind === 'wrong-range')
      return send(
        206,
        { 'content-range': `bytes 0-${to - from - 1}/${this.content.length}` },
        this.content.subarray(0, to - from),
      );
    if (kind === 'multipart')
      return send(206, { 'content-type': 'multipart/byteranges; boundary=x' }, '--x\r\n\r\n--x--');
    if (kind === 'ignore-range') return send(200, { 'content-length': this.content.length }, this.content);
    if (kind === 'other-size') return send(200, { 'content-length': 5 }, 'short');
    if (kind === 'new-etag') {
      this.etag = `"etag-${Math.random()}"`;
      return send(200, { 'content-length': this.content.length, etag: this.etag }, this.content);
    }
    if (kind === 'replaced') {
      this.content = this.replacement ?? this.content;
      this.etag = '"another"';
      return send(200, { 'content-length': this.content.length, etag: this.etag }, this.content);
    }
    if (kind === 'redirect-loop') return send(302, { location: request.url ?? '/' });
    if (kind === '416') return send(416, { 'content-range': `bytes */${this.content.length}` });
    if (kind === '429-seconds') return send(429, { 'retry-after': '1' });
    if (kind === '429-date') return send(429, { 'retry-after': new Date(Date.now() + 1000).toUTCString() });
    if (kind === '429-hour') return send(429, { 'retry-after': '3600' });
    return send(Number(kind), {});
  }
}

function drained(response: ServerResponse): Promise<boolean> {
  if (response.destroyed || response.socket === null || response.socket.destroyed) return Promise.resolve(false);
  return new Promise((resolve) => {
    const done = (ok: boolean) => {
      response.off('drain', onDrain);
      response.off('close', onClose);
      resolve(ok);
    };
    const onDrain = () => done(true);
    const onClose = () => done(false);
    response.on('drain', onDrain);
    response.on('close', onClose);
  });
}

/** Bytes that begin like a safetensors file. The same seed gives the same bytes. */
export function sampleFile(bytes: number, seed = 1): Buffer {
  const buffer = Buffer.alloc(bytes);
  let state = seed >>> 0 || 1;
  for (let i = 0; i + 4 <= bytes; i += 4) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    buffer.writeInt32LE(state | 0, i);
  }
  if (bytes > 64) {
    buffer.writeBigUInt64LE(48n, 0);
    buffer.write('{"__metadata__":{}}'.padEnd(48), 8, 'latin1');
  }
  return buffer;
}
