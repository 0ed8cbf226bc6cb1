/**
 * One GET or HEAD at a time over undici's `dispatch`, redirects followed by hand so that a token never reaches another
 * host. Written around `dispatch` because the comfortable undici calls copy every chunk through streams: measured at a
 * third of its speed.
 */
import { readFileSync } from 'node:fs';
import { rootCertificates } from 'node:tls';
import { Agent, type Dispatcher, EnvHttpProxyAgent } from 'undici';
import { EnvironmentError } from '../errors.ts';
import { packageVersion } from '../package-root.ts';
import { Fault } from './fault.ts';
import type { DownloadSettings } from './settings.ts';
import { buildReusingConnector } from './socket.ts';
import { redact } from './sources.ts';

export interface Request {
  readonly method: 'GET' | 'HEAD';
  readonly url: string;
  readonly token: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** A redirect to another host is the answer, not a way: what a hub says of a file stands in it. */
  readonly stayHere?: boolean;
}

export interface Head {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** Address that answered, after redirects. */
  readonly url: string;
  /** Answered by another host than the one asked. */
  readonly elsewhere: boolean;
  /** Headers of the first answer: a hub tells size and content id there, before it redirects. */
  readonly first: Readonly<Record<string, string | undefined>>;
}

/** Holds and releases the flow of one body. */
export interface Flow {
  pause(): void;
  resume(): void;
}

export interface Receiver {
  /** Throws to refuse the body. */
  onHead(head: Head, flow: Flow): void;
  /** The chunk's memory is used again afterwards. Returns false when it has all it wants: the rest is left unread. */
  onData(chunk: Buffer): boolean;
}

export interface Client {
  /** Resolves when the body ended or the receiver has enough. @throws Fault; AbortError when the signal fires */
  send(request: Request, receiver: Receiver): Promise<void>;
  close(): Promise<void>;
}

const MOST_REDIRECTS = 10;

export function createClient(settings: DownloadSettings, env: NodeJS.ProcessEnv): Client {
  const agent = createAgent(settings, env);
  const userAgent = `visiontrain/${packageVersion()} (node ${process.versions.node})`;
  return {
    close: () => agent.destroy(),
    async send(request, receiver) {
      let { url, token } = request;
      let first: Head['first'] | undefined;
      for (let hops = 0; ; hops += 1) {
        const headers = {
          'user-agent': userAgent,
          accept: '*/*',
          'accept-encoding': 'identity',
          ...request.headers,
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        };
        const here = url;
        const seenFirst = first;
        let location: string | undefined;
        await once(
          agent,
          settings,
          { ...request, url, headers },
          {
            onHead(head, flow) {
              first = seenFirst ?? head.headers;
              location = redirectTarget(head, here);
              const leaves = location !== undefined && new URL(location).host !== new URL(here).host;
              if (leaves && request.stayHere === true) location = undefined;
              if (location === undefined)
                receiver.onHead(
                  { ...head, url: here, first, elsewhere: new URL(here).host !== new URL(request.url).host },
                  flow,
                );
            },
            // The body of a redirect is of no use; leaving it unread would cost the connection, so it is let through.
            onData: (chunk) => location !== undefined || receiver.onData(chunk),
          },
        );
        if (location === undefined) return;
        if (hops === MOST_REDIRECTS) throw new Fault('redirect', `${redact(request.url)} redirects in a circle`);
        if (new URL(location).host !== new URL(here).host) token = undefined;
        url = location;
      }
    },
  };
}

function redirectTarget(head: { status: number; headers: Head['headers'] }, from: string): string | undefined {
  if (![301, 302, 303, 307, 308].includes(head.status)) return undefined;
  const { location } = head.headers;
  if (location === undefined || !URL.canParse(location, from))
    throw new Fault('redirect', `${redact(from)} redirects to nowhere`);
  const target = new URL(location, from);
  if (!/^https?:$/.test(target.protocol) || (target.protocol === 'http:' && from.startsWith('https:')))
    throw new Fault('redirect', `${redact(from)} redirects to an unprotected address`);
  return target.href;
}

interface OneRequest extends Request {
  readonly headers: Readonly<Record<string, string>>;
}

interface OneReceiver {
  onHead(head: { status: number; headers: Head['headers'] }, flow: Flow): void;
  onData(chunk: Buffer): boolean;
}

/** One request without redirects. */
function once(
  agent: Dispatcher,
  settings: DownloadSettings,
  request: OneRequest,
  receiver: OneReceiver,
): Promise<void> {
  const { origin, pathname, search, username, password } = new URL(request.url);
  const headers = { ...request.headers };
  if (username !== '' && headers.authorization === undefined)
    headers.authorization = `Basic ${Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64')}`;
  return new Promise<void>((resolve, reject) => {
    let controller: Dispatcher.DispatchController | undefined;
    let settled = false;
    let window: NodeJS.Timeout | undefined;
    let inWindow = 0;
    let paused = false;
    let heldBack = false;
    const settle = (end: () => void) => {
      if (settled) return;
      settled = true;
      clearInterval(window);
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
          if (status < 200) return;
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
          // undici's own body timeout starts anew with each byte; a trickle needs a clock of its own.
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
          settle(resolve);
          controller?.abort(new Error('enough'));
        },
        onResponseEnd: () => settle(resolve),
        onResponseError: (_, error) => settle(() => reject(asFault(error, new URL(origin).host))),
      },
    );
  });
}

function abortError(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new DOMException('Aborted', 'AbortError');
}

const TIMEOUTS = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT', 'UND_ERR_CONNECT_TIMEOUT', 'ETIMEDOUT']);

function asFault(error: Error, host: string): Error {
  if (error instanceof Fault || error.name === 'AbortError') return error;
  const code = (error as NodeJS.ErrnoException).code ?? '';
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

/** undici hides an upper-case variable behind an empty lower-case one, and knows no ALL_PROXY; people expect both. */
export function proxyVariables(env: NodeJS.ProcessEnv): { httpProxy: string; httpsProxy: string; noProxy: string } {
  const first = (...names: string[]) =>
    names.map((name) => env[name]).find((value) => value !== undefined && value !== '') ?? '';
  const all = first('all_proxy', 'ALL_PROXY');
  return {
    httpProxy: withScheme(first('http_proxy', 'HTTP_PROXY') || all),
    httpsProxy: withScheme(first('https_proxy', 'HTTPS_PROXY') || first('http_proxy', 'HTTP_PROXY') || all),
    noProxy: first('no_proxy', 'NO_PROXY'),
  };
}

function withScheme(proxy: string): string {
  return proxy === '' || /^[a-z0-9]+:\/\//i.test(proxy) ? proxy : `http://${proxy}`;
}

function createAgent(settings: DownloadSettings, env: NodeJS.ProcessEnv): Dispatcher {
  const caFile = env.SSL_CERT_FILE || env.REQUESTS_CA_BUNDLE || env.CURL_CA_BUNDLE || '';
  let ca: string[] | undefined;
  try {
    // Given to Node at its start already: NODE_EXTRA_CA_CERTS.
    if (caFile !== '') ca = [...rootCertificates, readFileSync(caFile, 'utf8')];
  } catch (error) {
    throw new EnvironmentError(`The certificates in ${caFile} cannot be read.`, {
      nextSteps: ['Check SSL_CERT_FILE, REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE.'],
      cause: error,
    });
  }
  const connect = { timeout: settings.connectTimeout * 1000, ...(ca === undefined ? {} : { ca }) };
  const proxies = proxyVariables(env);
  if (proxies.httpProxy === '' && proxies.httpsProxy === '')
    return new Agent({ connect: buildReusingConnector(connect), pipelining: 1 });
  for (const proxy of [proxies.httpProxy, proxies.httpsProxy])
    if (proxy !== '' && !URL.canParse(proxy))
      throw new EnvironmentError('A proxy variable is not an address.', {
        nextSteps: ['It should look like http://host:port; check HTTPS_PROXY, HTTP_PROXY and ALL_PROXY.'],
      });
  return new EnvHttpProxyAgent({
    ...proxies,
    connect,
    // Plain http through a plain proxy goes as a proxy request, which every proxy knows; CONNECT to port 80 many refuse.
    proxyTunnel: false,
    requestTls: connect,
    proxyTls: connect,
  });
}
