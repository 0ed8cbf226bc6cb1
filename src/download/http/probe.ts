/**
 * Finds out the size of a file when the registry does not say: it asks for one byte, and the answer holds the total.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, ResponseHead } from './client.ts';
import { type Failure, Fault, nextTry, statusFault } from './fault.ts';
import type { DownloadSettings } from './settings.ts';
import { checkHeaders, claimedSize } from './sniff.ts';
import type { Address } from './sources.ts';

export interface ProbeInput {
  readonly client: Client;
  readonly settings: DownloadSettings;
  readonly signal: AbortSignal;
  /** Sources that cannot answer are appended here. */
  readonly failures: Failure[];
}

/** Size of the file in bytes, from the first source that tells it; undefined when none does. */
export async function probeSize(all: readonly Address[], input: ProbeInput): Promise<number | undefined> {
  for (const address of all) {
    for (let failures = 1; ; failures += 1) {
      try {
        return await askSize(address, input);
      } catch (error) {
        if (!(error instanceof Fault)) throw error;
        const wait = nextTry(error, { ofKind: failures, inAll: failures, proven: false }, input.settings);
        if (wait === undefined) {
          input.failures.push({ address, fault: error });
          break;
        }
        await sleep(wait * 1000, undefined, { signal: input.signal });
      }
    }
  }
  return undefined;
}

async function askSize(address: Address, { client, signal }: ProbeInput): Promise<number> {
  let size: number | undefined;
  await client.send(
    { method: 'GET', url: address.url, token: address.token, headers: { range: 'bytes=0-0' }, signal },
    {
      onHead: (head) => {
        size = sizeIn(head, address.label);
      },
      onData: () => false,
    },
  );
  if (size === undefined) throw new Fault('status', `${address.label} does not say how large the file is`);
  return size;
}

function sizeIn(head: ResponseHead, host: string): number | undefined {
  if (head.status !== 200 && head.status !== 206)
    throw statusFault(head.status, head.headers, { host, signed: head.elsewhere });
  checkHeaders(head.headers, host);
  const total = /\/(\d+)$/.exec(head.headers['content-range'] ?? '')?.[1];
  const text = head.status === 206 ? total : head.headers['content-length'];
  return text === undefined ? undefined : claimedSize(text, host);
}
