/** Makes small requests to servers: a JSON document, the first bytes of a file, or the facts about a file. */

import type { Client, ResponseHead } from './client.ts';
import { Fault, statusFault } from './fault.ts';
import { checkHeaders, claimedSize } from './sniff.ts';
import type { Address } from './sources.ts';

const MOST = 64 << 20;

/**
 * Reads the first `bytes` bytes at an address, or all of them when there are fewer.
 * @throws Fault
 */
export async function readStart(client: Client, address: Address, bytes: number, signal: AbortSignal): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let got = 0;
  await client.send(
    { method: 'GET', url: address.url, token: address.token, headers: { range: `bytes=0-${bytes - 1}` }, signal },
    {
      onHead: (head) => {
        refuse(head, address);
        checkHeaders(head.headers, address.label);
      },
      onData: (chunk) => {
        chunks.push(Buffer.from(chunk));
        got += chunk.length;
        return got < bytes;
      },
    },
  );
  return Buffer.concat(chunks).subarray(0, bytes);
}

/**
 * Reads a JSON document.
 * @throws Fault
 */
export async function readJson(client: Client, address: Address, signal: AbortSignal): Promise<unknown> {
  const chunks: Buffer[] = [];
  let got = 0;
  await client.send(
    { method: 'GET', url: address.url, token: address.token, headers: { accept: 'application/json' }, signal },
    {
      onHead: (head) => refuse(head, address),
      onData: (chunk) => {
        chunks.push(Buffer.from(chunk));
        got += chunk.length;
        if (got > MOST) throw new Fault('page', `${address.label} sends an endless answer`);
        return true;
      },
    },
  );
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch {
    throw new Fault('page', `${address.label} sent something that is no JSON`);
  }
}

export interface RemoteFileInfo {
  readonly bytes: number | undefined;
  readonly sha256: string | undefined;
  /** Commit that the requested revision stands for. */
  readonly commit: string | undefined;
}

/**
 * Asks a server about a file without fetching it: a hub by HEAD, any other server by a request for one byte.
 * @throws Fault
 */
export async function askAbout(client: Client, address: Address, signal: AbortSignal): Promise<RemoteFileInfo> {
  let info: RemoteFileInfo | undefined;
  const hub = address.kind === 'hub';
  await client.send(
    {
      method: hub ? 'HEAD' : 'GET',
      url: address.url,
      token: address.token,
      signal,
      stayHere: hub,
      ...(hub ? {} : { headers: { range: 'bytes=0-0' } }),
    },
    {
      onHead: (head) => {
        if (head.status >= 400) refuse(head, address);
        checkHeaders(head.headers, address.label);
        info = read(head, address.label);
      },
      onData: () => false,
    },
  );
  if (info === undefined) throw new Fault('status', `${address.label} gave no answer`);
  return info;
}

function read(head: ResponseHead, host: string): RemoteFileInfo {
  const { headers, first } = head;
  const total = /\/(\d+)$/.exec(headers['content-range'] ?? '')?.[1];
  const length = head.status === 200 ? headers['content-length'] : undefined;
  const text = first['x-linked-size'] ?? total ?? length;
  return {
    bytes: text === undefined ? undefined : claimedSize(text, host),
    sha256: /^(?:W\/)?"?([0-9a-f]{64})"?$/.exec(first['x-linked-etag'] ?? '')?.[1],
    commit: /^[0-9a-f]{40}$/.exec(first['x-repo-commit'] ?? '')?.[0],
  };
}

function refuse(head: ResponseHead, address: Address): void {
  if (head.status !== 200 && head.status !== 206)
    throw statusFault(head.status, head.headers, { host: address.label, signed: head.elsewhere });
}
