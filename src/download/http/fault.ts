/** Everything that can go wrong between us and a server, and what is done about each. */

import type { Address } from './sources.ts';

const faultKinds = [
  /** Refused, reset, no such host, a broken handshake. */
  'network',
  /** Nobody we trust has signed the server's certificate, or it is of another host or out of date. */
  'certificate',
  /** The proxy refuses to let us through. */
  'proxy',
  /** No bytes, or next to none, for too long. */
  'stalled',
  /** The body ended before its announced end. */
  'truncated',
  /** 408, 425, 429, 5xx. */
  'busy',
  /** 401, 403. */
  'denied',
  /** 404, 410, 451. */
  'gone',
  /** Any other status. */
  'status',
  /** A signed address stopped working. */
  'expired',
  /** The server sent another range than asked, or a multipart body. */
  'range',
  /** 416. */
  'unsatisfiable',
  /** A web page, a pointer file or an error document instead of the file. */
  'page',
  /** The server's size or content id is not the one of the file we want. */
  'other-file',
  /** The body is compressed although asked not to be. */
  'encoded',
  /** Redirects in a circle, to http from https, or to nowhere. */
  'redirect',
] as const;
type FaultKind = (typeof faultKinds)[number];

/** A source that was given up, and why. */
export interface Failure {
  readonly address: Address;
  readonly fault: Fault;
}

export class Fault extends Error {
  readonly kind: FaultKind;
  readonly status: number | undefined;
  /** Seconds the server asks to wait. */
  readonly retryAfter: number | undefined;

  constructor(kind: FaultKind, message: string, extra: { status?: number; retryAfter?: number; cause?: unknown } = {}) {
    super(message, extra.cause === undefined ? undefined : { cause: extra.cause });
    this.name = 'Fault';
    this.kind = kind;
    this.status = extra.status;
    this.retryAfter = extra.retryAfter;
  }
}

/** How often in a row, without a byte gained, a fault of each kind is met with another try at the same source. */
const TRIES: Readonly<Record<FaultKind, number>> = {
  network: 8,
  // Both are settings, and stay as they are while we wait.
  certificate: 0,
  proxy: 0,
  stalled: 8,
  truncated: 8,
  busy: 8,
  // One more look at what should be final: hubs slip for a moment now and then.
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

/** A source that has given bytes of this file just now is believed to have it still: refusals are met with more tries. */
const TRIES_OF_PROVEN = 3;

export interface Failures {
  /** In a row without a byte gained: of this kind, and in all. */
  readonly ofKind: number;
  readonly inAll: number;
  /** The source has given bytes before. */
  readonly proven: boolean;
}

/** Another try at this source? */
export function worthRetrying(fault: Fault, { ofKind, inAll, proven }: Failures, most: number): boolean {
  const tries = proven ? Math.max(TRIES[fault.kind], TRIES_OF_PROVEN) : TRIES[fault.kind];
  return ofKind <= tries && inAll <= most;
}

/** Seconds to wait before try number `failures` + 1: what the server says, else 0.5 s doubled each time, jittered. */
export function backOff(fault: Fault, failures: number, unit: number, random: () => number = Math.random): number {
  if (fault.retryAfter !== undefined) return fault.retryAfter + random() * unit;
  const ceiling = Math.min(60 * unit, unit * 2 ** (failures - 1));
  return ceiling * (0.5 + random() / 2);
}

/** Retry-After in seconds or as an HTTP date; undefined when absent or unreadable. */
export function parseRetryAfter(value: string | undefined, now = Date.now()): number | undefined {
  if (value === undefined) return undefined;
  const text = value.trim();
  if (/^\d+$/.test(text)) return Number(text);
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, (date - now) / 1000);
}

/** The fault a status means. `signed`: the answer came from an address we were redirected to on another host. */
export function statusFault(
  status: number,
  headers: Readonly<Record<string, string | undefined>>,
  { host, signed, now }: { host: string; signed: boolean; now?: number },
): Fault {
  const words = `${host} answered ${status}`;
  const retryAfter = parseRetryAfter(headers['retry-after'], now);
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
