/** Everything that can go wrong between us and a server, and what is done about each fault. */

import { neutralise, shorten } from '../../base/text.ts';
import type { Address } from './sources.ts';

const faultKinds = [
  /** The connection was refused or reset, the host is unknown, or the handshake failed. */
  'network',
  /** Nobody we trust has signed the server's certificate, or it belongs to another host, or it is out of date. */
  'certificate',
  /** The proxy refuses to let us through. */
  'proxy',
  /** No bytes came for too long, or next to none. */
  'stalled',
  /** The body ended before its announced length. */
  'truncated',
  /** Status 408, 425, 429 or 5xx. */
  'busy',
  /** Status 401 or 403. */
  'denied',
  /** Status 404, 410 or 451. */
  'gone',
  /** Any other status. */
  'status',
  /** A signed address stopped working. */
  'expired',
  /** The server sent another range than asked, or a multipart body. */
  'range',
  /** Status 416. */
  'unsatisfiable',
  /** The server sent a web page, a pointer file or an error document instead of the file. */
  'page',
  /** The server's size or content id is not that of the wanted file. */
  'other-file',
  /** The body is compressed although we asked for no compression. */
  'encoded',
  /** The redirects go in a circle, from https to http, or to nowhere. */
  'redirect',
] as const;
type FaultKind = (typeof faultKinds)[number];

/** A source that was given up, and the reason. */
export interface Failure {
  readonly address: Address;
  readonly fault: Fault;
}

/** Most characters of a fault's words, parts of which servers write: a header may have thousands. */
const LONGEST = 300;

export class Fault extends Error {
  readonly kind: FaultKind;
  readonly status: number | undefined;
  /** Seconds to wait, as the server asks for. */
  readonly retryAfter: number | undefined;

  constructor(kind: FaultKind, message: string, extra: { status?: number; retryAfter?: number; cause?: unknown } = {}) {
    super(shorten(neutralise(message), LONGEST), extra.cause === undefined ? undefined : { cause: extra.cause });
    this.name = 'Fault';
    this.kind = kind;
    this.status = extra.status;
    this.retryAfter = extra.retryAfter;
  }
}

/** Tries at the same source for each kind of fault: how many in a row, without a byte gained, before it is given up. */
const TRIES: Readonly<Record<FaultKind, number>> = {
  network: 8,
  // Certificates and proxies are settings, which do not change while we wait, so there is no retry.
  certificate: 0,
  proxy: 0,
  stalled: 8,
  truncated: 8,
  busy: 8,
  // A refusal should be final, but hubs sometimes refuse for a moment, so one more try is made.
  denied: 1,
  gone: 1,
  status: 1,
  expired: 6,
  range: 4,
  unsatisfiable: 2,
  page: 2,
  'other-file': 1,
  encoded: 2,
  redirect: 1,
};

/** A source that has just sent bytes of this file most likely still has it, so refusals are met with more tries. */
const TRIES_OF_PROVEN = 3;

export interface Failures {
  /** Failures in a row without a byte gained: of this kind, and (below) of all kinds. */
  readonly ofKind: number;
  readonly inAll: number;
  /** Whether the source has sent bytes before. */
  readonly proven: boolean;
}

/** Whether another try at this source is worth it. */
export function worthRetrying(fault: Fault, { ofKind, inAll, proven }: Failures, most: number): boolean {
  const tries = proven ? Math.max(TRIES[fault.kind], TRIES_OF_PROVEN) : TRIES[fault.kind];
  return ofKind <= tries && inAll <= most;
}

/**
 * Seconds to wait before the next try at this source; undefined when no try is worth it, or when the wait would be too
 * long.
 */
export function nextTry(
  fault: Fault,
  failures: Failures,
  { tries, backOffUnit, longestWait }: { tries: number; backOffUnit: number; longestWait: number },
): number | undefined {
  const wait = backOff(fault, failures.inAll, backOffUnit);
  return worthRetrying(fault, failures, tries) && wait <= longestWait ? wait : undefined;
}

/**
 * Seconds to wait before try number `failures` + 1: the server's Retry-After, else 0.5 s doubled each time, with
 * jitter.
 */
export function backOff(fault: Fault, failures: number, unit: number, random: () => number = Math.random): number {
  if (fault.retryAfter !== undefined) return fault.retryAfter + random() * unit;
  const ceiling = Math.min(60 * unit, unit * 2 ** (failures - 1));
  return ceiling * (0.5 + random() / 2);
}

/** Longest wait in seconds that is told; a server may write any number of digits. Nobody waits a year. */
const YEAR = 365 * 86_400;

/**
 * Reads Retry-After, in seconds or as an HTTP date; returns seconds, at most a year of them, or undefined when it is
 * absent or unreadable.
 */
export function parseRetryAfter(value: string | undefined, now = Date.now()): number | undefined {
  if (value === undefined) return undefined;
  const text = value.trim();
  if (/^\d+$/.test(text)) return Math.min(YEAR, Number(text));
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.min(YEAR, Math.max(0, (date - now) / 1000));
}

/**
 * Seconds that a server asks us to wait: its Retry-After, or at 429 the seconds until its limit starts anew, which
 * Hugging Face's hub writes into `RateLimit` as in `"api";r=0;t=55`. Undefined when it does not say.
 */
export function askedWait(
  status: number,
  header: (name: string) => string | null | undefined,
  now = Date.now(),
): number | undefined {
  const asked = parseRetryAfter(header('retry-after') ?? undefined, now);
  if (asked !== undefined || status !== 429) return asked;
  const seconds = /;\s*t=(\d{1,6})\b/u.exec(header('ratelimit') ?? '')?.[1];
  return seconds === undefined ? undefined : Number(seconds);
}

/**
 * The fault for a status. `signed` means that the answer came from a signed address on another host, after a redirect.
 */
export function statusFault(
  status: number,
  headers: Readonly<Record<string, string | undefined>>,
  { host, signed, now }: { host: string; signed: boolean; now?: number },
): Fault {
  const words = `${host} answered ${status}`;
  const retryAfter = askedWait(status, (name) => headers[name], now);
  const extra = { status, ...(retryAfter === undefined ? {} : { retryAfter }) };
  if (status === 408 || status === 425 || status === 429 || status >= 500) return new Fault('busy', words, extra);
  if (signed && [400, 401, 403, 404, 410].includes(status))
    return new Fault('expired', `${words} to a signed address, which seems to have expired`, { status });
  const code = headers['x-error-code'];
  if (status === 401)
    return new Fault('denied', `${words}: the file needs a token, is gated, or does not exist`, extra);
  if (status === 403)
    return new Fault(
      'denied',
      code === 'GatedRepo' ? `${words}: accept the terms on the model's page first` : `${words}: no access`,
      extra,
    );
  if (status === 404) return new Fault('gone', code === undefined ? `${words}: not found` : `${words}: ${code}`, extra);
  if (status === 410 || status === 451) return new Fault('gone', `${words}: removed`, extra);
  if (status === 416) return new Fault('unsatisfiable', `${words}: the range is beyond the end of its file`, extra);
  return new Fault('status', words, extra);
}
