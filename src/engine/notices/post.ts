/**
 * Sends one message to one web hook: a few tries, each with a time limit, and never to another host than the named
 * one.
 */
import { isIP } from 'node:net';
import { type Dispatcher, fetch } from 'undici';
import { pause } from '../../base/sleep.ts';
import { agentFactory, type Connections } from '../../download/http/agent.ts';
import { downloadSettings } from '../../download/http/settings.ts';
import type { WebMessage } from './formats.ts';

export interface PostLimits {
  /** Milliseconds of one try, of the first wait between two tries, and the longest wait that a server may ask for. */
  readonly tryMs: number;
  readonly waitMs: number;
  readonly longestWaitMs: number;
  readonly tries: number;
}

export const POST_LIMITS: PostLimits = { tryMs: 10_000, waitMs: 1_000, longestWaitMs: 60_000, tries: 3 };

const MOST_REDIRECTS = 3;
/** Bytes of an answer that are read: in its body Discord says how long to wait. */
const MOST_ANSWER = 4096;

/**
 * Why nothing was delivered, in words without the address, which is a secret. Undefined means that it was delivered.
 */
export type DeliveryFailure = string | undefined;

/**
 * Why an address is refused, as the end of a sentence; undefined for one that is accepted. Plain http would show the
 * address, and with it the right to write there, to everybody on the network path.
 */
export function addressProblem(text: string): string | undefined {
  if (!URL.canParse(text)) return 'is no address';
  const { protocol, hostname } = new URL(text);
  if (protocol === 'https:') return undefined;
  if (protocol !== 'http:') return 'is no address of https';
  return isNear(hostname) ? undefined : 'is an address of plain http outside of your own network; use https';
}

function isNear(host: string): boolean {
  if (isIP(host) === 4)
    return /^(127\.|10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.)/.test(host);
  return host === '[::1]' || !host.includes('.') || /\.(local|lan|home\.arpa|internal)$/.test(host);
}

/** Opens connections for messages. They follow the environment's proxies and certificates. */
export const openConnections = (env: NodeJS.ProcessEnv): Connections => agentFactory(downloadSettings(env), env)();

/**
 * Sends a message. Resolves to the reason when it was given up.
 * @throws AbortError when the signal fires
 */
export async function post(
  connections: Connections,
  url: string,
  message: WebMessage,
  { signal, limits = POST_LIMITS }: { readonly signal: AbortSignal; readonly limits?: PostLimits },
): Promise<DeliveryFailure> {
  let why = '';
  for (let tries = 1; tries <= limits.tries; tries += 1) {
    const answer = await attemptOnce(connections, { url, message, signal, tryMs: limits.tryMs });
    signal.throwIfAborted();
    if (answer.kind === 'delivered') return undefined;
    why = answer.why;
    if (answer.kind === 'refused' || tries === limits.tries) break;
    const wait = answer.waitMs ?? limits.waitMs * 2 ** (tries - 1);
    if (wait > limits.longestWaitMs) return `${why}, and wants ${Math.round(wait / 1000)} s of silence`;
    await pause(wait, signal);
    signal.throwIfAborted();
  }
  return why;
}

type Outcome =
  | { readonly kind: 'delivered' }
  | { readonly kind: 'refused'; readonly why: string }
  | { readonly kind: 'later'; readonly why: string; readonly waitMs?: number };

interface Attempt {
  readonly url: string;
  readonly message: WebMessage;
  readonly signal: AbortSignal;
  readonly tryMs: number;
}

async function attemptOnce(connections: Connections, { url, message, signal, tryMs }: Attempt): Promise<Outcome> {
  const limit = AbortSignal.timeout(tryMs);
  let here = url;
  for (let hops = 0; hops <= MOST_REDIRECTS; hops += 1) {
    let answer: Awaited<ReturnType<typeof fetch>>;
    let body = '';
    try {
      answer = await fetch(here, {
        method: 'POST',
        headers: message.headers,
        body: message.body,
        redirect: 'manual',
        dispatcher: connections as unknown as Dispatcher,
        signal: AbortSignal.any([signal, limit]),
      });
      if (answer.status === 429) body = await firstBytes(answer);
      else await answer.body?.cancel();
    } catch (error) {
      return { kind: 'later', why: limit.aborted ? `did not answer within ${tryMs / 1000} s` : failure(error) };
    }
    if (answer.status >= 200 && answer.status < 300) return { kind: 'delivered' };
    if (answer.status === 307 || answer.status === 308) {
      const target = answer.headers.get('location') ?? '';
      // A redirect to another host would give the text and the token to a server that the person never named.
      if (!URL.canParse(target, here) || new URL(target, here).origin !== new URL(url).origin)
        return { kind: 'refused', why: 'redirects to another server' };
      here = new URL(target, here).href;
      continue;
    }
    const why = `answered ${answer.status}`;
    if (answer.status !== 429 && answer.status < 500) return { kind: 'refused', why };
    const waitMs = askedWait(answer.headers.get('retry-after'), body);
    return { kind: 'later', why, ...(waitMs === undefined ? {} : { waitMs }) };
  }
  return { kind: 'refused', why: 'redirects in a circle' };
}

async function firstBytes(answer: Awaited<ReturnType<typeof fetch>>): Promise<string> {
  const parts: Uint8Array[] = [];
  let got = 0;
  for await (const chunk of answer.body ?? []) {
    parts.push(chunk as Uint8Array);
    got += (chunk as Uint8Array).length;
    if (got >= MOST_ANSWER) break;
  }
  return Buffer.concat(parts).toString('utf8', 0, MOST_ANSWER);
}

/** Milliseconds that the server asks us to wait: its header in seconds, or Discord's `retry_after`. */
function askedWait(header: string | null, body: string): number | undefined {
  const inBody = /"retry_after"\s*:\s*([\d.]+)/.exec(body)?.[1];
  const seconds = Number(header ?? inBody ?? Number.NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? Math.ceil(seconds * 1000) : undefined;
}

function failure(error: unknown): string {
  const inner = (error as { cause?: unknown }).cause ?? error;
  const code = (inner as NodeJS.ErrnoException).code;
  // The message of an error may contain the address.
  return code === undefined ? 'cannot be reached' : `cannot be reached (${code})`;
}
