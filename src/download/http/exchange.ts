/**
 * One request and its answer over undici's `dispatch`. undici's more convenient calls copy every chunk through
 * streams, and were measured at a third of the speed.
 */
import type { Dispatcher } from 'undici';
import { decodePercent } from '../../base/text.ts';
import { Fault } from './fault.ts';
import type { DownloadSettings } from './settings.ts';

/** Header names are in lower case; a header that came several times is joined by commas. */
export type Headers = Readonly<Record<string, string | undefined>>;

/** Pauses and resumes one body. */
export interface BodyFlow {
  pause(): void;
  resume(): void;
}

interface OneRequest {
  readonly method: 'GET' | 'HEAD';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

interface OneReceiver {
  /** Called with the head of the answer. It throws to refuse the body. */
  onHead(head: { status: number; headers: Headers }, flow: BodyFlow): void;
  /** Called with each chunk. It returns false when it has enough: the rest is left unread. */
  onData(chunk: Buffer): boolean;
}

/**
 * Sends one request; a redirect is an answer like others. `reusable` is true when the answer ended by itself, so that
 * its connection can serve another request.
 * @throws Fault; AbortError when the signal fires
 */
export function exchange(
  agent: Pick<Dispatcher, 'dispatch'>,
  settings: DownloadSettings,
  request: OneRequest,
  receiver: OneReceiver,
): Promise<{ reusable: boolean }> {
  return new Promise((resolve, reject) => {
    const running = new Exchange({ settings, request, receiver, resolve, reject });
    if (request.signal.aborted) return running.stop(abortError(request.signal));
    agent.dispatch(dispatchOptions(request, settings), running.handler());
  });
}

/** The request in undici's form. A login in the address becomes a header. */
function dispatchOptions(request: OneRequest, { stallTimeout }: DownloadSettings): Dispatcher.DispatchOptions {
  const { origin, pathname, search, username, password } = new URL(request.url);
  const headers = { ...request.headers };
  if (username !== '' && headers.authorization === undefined)
    headers.authorization = `Basic ${Buffer.from(`${decodePercent(username)}:${decodePercent(password)}`).toString('base64')}`;
  return {
    origin,
    path: pathname + search,
    method: request.method,
    headers,
    headersTimeout: stallTimeout * 1000,
    bodyTimeout: stallTimeout * 1000,
  };
}

interface Exchanging {
  readonly settings: DownloadSettings;
  readonly request: OneRequest;
  readonly receiver: OneReceiver;
  readonly resolve: (end: { reusable: boolean }) => void;
  readonly reject: (error: Error) => void;
}

/** One request on its way: it settles once, by its answer, an error, one of its clocks, or the signal. */
class Exchange {
  readonly #of: Exchanging;
  readonly #host: string;
  #controller: Dispatcher.DispatchController | undefined;
  #settled = false;
  /** Clock for the final answer. */
  #early: NodeJS.Timeout | undefined;
  /** Clock that counts the bytes of one stall timeout. */
  #window: NodeJS.Timeout | undefined;
  #inWindow = 0;
  #paused = false;
  /** Whether the receiver paused the body during the present window, in which few bytes are then no fault. */
  #heldBack = false;
  readonly #onAbort = () => this.stop(abortError(this.#of.request.signal));

  constructor(of: Exchanging) {
    this.#of = of;
    this.#host = new URL(of.request.url).host;
    of.request.signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** Ends the exchange with an error, and closes its connection. */
  stop(error: Error): void {
    this.#settle(() => this.#of.reject(error));
    this.#controller?.abort(error);
  }

  handler(): Dispatcher.DispatchHandler {
    const { request, resolve, reject } = this.#of;
    return {
      onRequestStart: (given) => {
        this.#controller = given;
        if (this.#settled) given.abort(abortError(request.signal));
      },
      onResponseStart: (given, status, raw) => {
        if (status < 200) this.#expectAnswer();
        else this.#begin(given, status, flatHeaders(raw));
      },
      onResponseData: (_, chunk) => this.#take(chunk),
      // undici frees the connection in an immediate of its own. A request before that would open another connection.
      onResponseEnd: () => this.#settle(() => setImmediate(() => setImmediate(() => resolve({ reusable: true })))),
      onResponseError: (_, error) => this.#settle(() => reject(asFault(error, this.#host))),
    };
  }

  /** Each early (1xx) answer starts undici's own clock anew, so the wait for the final answer needs its own clock. */
  #expectAnswer(): void {
    this.#early ??= setTimeout(
      () => this.stop(new Fault('stalled', `${this.#host} keeps promising an answer`)),
      this.#of.settings.stallTimeout * 1000,
    );
  }

  #begin(given: Dispatcher.DispatchController, status: number, headers: Headers): void {
    clearTimeout(this.#early);
    const flow = {
      pause: () => {
        this.#paused = true;
        this.#heldBack = true;
        given.pause();
      },
      resume: () => {
        this.#paused = false;
        given.resume();
      },
    };
    try {
      this.#of.receiver.onHead({ status, headers }, flow);
    } catch (error) {
      this.stop(error as Error);
      return;
    }
    const { leastRate, stallTimeout } = this.#of.settings;
    // undici's body timeout starts anew with each byte, so a body that trickles needs a clock of its own.
    this.#window = setInterval(() => {
      if (!this.#heldBack && this.#inWindow < leastRate * stallTimeout)
        this.stop(new Fault('stalled', `${this.#host} sends next to nothing`));
      this.#inWindow = 0;
      this.#heldBack = this.#paused;
    }, stallTimeout * 1000);
  }

  #take(chunk: Buffer): void {
    if (this.#settled) return;
    this.#inWindow += chunk.length;
    try {
      if (this.#of.receiver.onData(chunk)) return;
    } catch (error) {
      this.stop(error as Error);
      return;
    }
    this.#settle(() => this.#of.resolve({ reusable: false }));
    this.#controller?.abort(new Error('enough'));
  }

  #settle(end: () => void): void {
    if (this.#settled) return;
    this.#settled = true;
    clearInterval(this.#window);
    clearTimeout(this.#early);
    this.#of.request.signal.removeEventListener('abort', this.#onAbort);
    end();
  }
}

const flatHeaders = (raw: NodeJS.Dict<string | string[]>): Headers =>
  Object.fromEntries(
    Object.entries(raw).map(([name, value]) => [name.toLowerCase(), Array.isArray(value) ? value.join(', ') : value]),
  );

function abortError(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new DOMException('Aborted', 'AbortError');
}

const TIMEOUTS = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT', 'UND_ERR_CONNECT_TIMEOUT', 'ETIMEDOUT']);

/** Codes of OpenSSL and Node for a certificate that is not trusted. */
const CERTIFICATE = /CERT|UNABLE_TO_VERIFY/;

function asFault(error: Error, host: string): Error {
  if (error instanceof Fault) return error;
  // undici has no error codes for these two failures, and reports the first as an abort.
  const refused = /^Proxy (?:response|Authentication Required) \((\d+)\)/.exec(error.message)?.[1];
  if (refused !== undefined)
    return new Fault('proxy', `the proxy answered ${refused}${refused === '407' ? ': it asks for a login' : ''}`, {
      cause: error,
    });
  if (error.name === 'AbortError') return error;
  if (
    /^UND_ERR_SOCKS5_AUTH/.test((error as NodeJS.ErrnoException).code ?? '') ||
    /^Username and password required/.test(error.message)
  )
    return new Fault('proxy', 'the SOCKS proxy does not take the login', { cause: error });
  const code = (error as NodeJS.ErrnoException).code ?? '';
  if (error.message === 'invalid authorization header')
    return new Fault('denied', `the token for ${host} has characters no header can carry`, { cause: error });
  if (CERTIFICATE.test(code)) return new Fault('certificate', `${host}: ${error.message}`, { cause: error });
  if (code === 'UND_ERR_CONNECT_TIMEOUT')
    return new Fault('network', `no connection to ${host} in time`, { cause: error });
  if (TIMEOUTS.has(code)) return new Fault('stalled', `${host} went silent`, { cause: error });
  if (code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH' || code === 'UND_ERR_SOCKET')
    return new Fault('truncated', `${host} closed the connection early`, { cause: error });
  return new Fault('network', `${host}: ${describe(error)}`, { cause: error });
}

function describe(error: Error): string {
  const code = (error as NodeJS.ErrnoException).code;
  const known: Record<string, string> = {
    ECONNREFUSED: 'connection refused',
    ECONNRESET: 'connection reset',
    ENOTFOUND: 'no such host',
    EAI_AGAIN: 'the name cannot be resolved right now',
    EPIPE: 'connection closed',
    EHOSTUNREACH: 'host cannot be reached',
    ENETUNREACH: 'network cannot be reached',
  };
  if (code !== undefined && known[code] !== undefined) return known[code];
  const inner = error instanceof AggregateError ? error.errors.find((e): e is Error => e instanceof Error) : undefined;
  return inner === undefined ? error.message : describe(inner);
}
