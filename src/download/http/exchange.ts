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
  const { origin, pathname, search, username, password } = new URL(request.url);
  const headers = { ...request.headers };
  if (username !== '' && headers.authorization === undefined)
    headers.authorization = `Basic ${Buffer.from(`${decodePercent(username)}:${decodePercent(password)}`).toString('base64')}`;
  return new Promise((resolve, reject) => {
    let controller: Dispatcher.DispatchController | undefined;
    let settled = false;
    let window: NodeJS.Timeout | undefined;
    let inWindow = 0;
    let paused = false;
    let heldBack = false;
    let early: NodeJS.Timeout | undefined;
    const settle = (end: () => void) => {
      if (settled) return;
      settled = true;
      clearInterval(window);
      clearTimeout(early);
      request.signal.removeEventListener('abort', onAbort);
      end();
    };
    const stop = (error: Error) => {
      settle(() => reject(error));
      controller?.abort(error);
    };
    const onAbort = () => stop(abortError(request.signal));
    if (request.signal.aborted) return onAbort();
    request.signal.addEventListener('abort', onAbort, { once: true });

    agent.dispatch(
      {
        origin,
        path: pathname + search,
        method: request.method,
        headers,
        headersTimeout: settings.stallTimeout * 1000,
        bodyTimeout: settings.stallTimeout * 1000,
      },
      {
        onRequestStart(given) {
          controller = given;
          if (settled) given.abort(abortError(request.signal));
        },
        onResponseStart(given, status, raw) {
          if (status < 200) {
            // Each early (1xx) answer starts undici's own clock anew, so the wait for the final answer needs a clock of
            // its own.
            early ??= setTimeout(
              () => stop(new Fault('stalled', `${new URL(origin).host} keeps promising an answer`)),
              settings.stallTimeout * 1000,
            );
            return;
          }
          clearTimeout(early);
          const flat = Object.fromEntries(
            Object.entries(raw).map(([name, value]) => [
              name.toLowerCase(),
              Array.isArray(value) ? value.join(', ') : value,
            ]),
          );
          const flow = {
            pause: () => {
              paused = true;
              heldBack = true;
              given.pause();
            },
            resume: () => {
              paused = false;
              given.resume();
            },
          };
          try {
            receiver.onHead({ status, headers: flat }, flow);
          } catch (error) {
            return stop(error as Error);
          }
          // undici's body timeout starts anew with each byte, so a body that trickles needs a clock of its own.
          window = setInterval(() => {
            if (!heldBack && inWindow < settings.leastRate * settings.stallTimeout)
              stop(new Fault('stalled', `${new URL(origin).host} sends next to nothing`));
            inWindow = 0;
            heldBack = paused;
          }, settings.stallTimeout * 1000);
        },
        onResponseData(_, chunk) {
          if (settled) return;
          inWindow += chunk.length;
          try {
            if (receiver.onData(chunk)) return;
          } catch (error) {
            return stop(error as Error);
          }
          settle(() => resolve({ reusable: false }));
          controller?.abort(new Error('enough'));
        },
        // undici frees the connection in an immediate of its own. A request before that would open another connection.
        onResponseEnd: () => settle(() => setImmediate(() => setImmediate(() => resolve({ reusable: true })))),
        onResponseError: (_, error) => settle(() => reject(asFault(error, new URL(origin).host))),
      },
    );
  });
}

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
