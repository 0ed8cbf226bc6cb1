/** Explains why a file could not be fetched, in words that a person can act on. */
import { rm } from 'node:fs/promises';
import { DownloadError } from '../base/errors.ts';
import { setAside } from '../base/files/disk.ts';
import { formatDuration } from '../base/text.ts';
import { isKept, partNames } from './file/partials.ts';
import type { Failure, Fault } from './http/fault.ts';
import { proxyHosts } from './http/proxy.ts';
import { accessAdvice } from './http/sources.ts';
import type { WantedFile } from './wanted.ts';

/** Sets the wrong file aside, and says what it is and what it should have been. */
export async function wrongHash(wanted: WantedFile, found: string): Promise<DownloadError> {
  const { part, journal } = partNames(wanted.path);
  const aside = await setAside(part, 'wrong-hash');
  await rm(journal, { force: true });
  return new DownloadError(`${wanted.name} is not the file it should be: its SHA-256 is wrong.`, {
    id: 'download/wrong-file',
    details: [
      `expected ${wanted.sha256}`,
      `received ${found}`,
      'Every piece was compared with a second download, and it stays so: the server has another file.',
      `What came is kept, under a name nothing uses: ${aside}`,
    ],
    nextSteps: [
      'If you gave the hash yourself, check it.',
      'If the file comes from the registry: visiontrain models check',
      'The kept file can be removed: visiontrain models rm --partials',
    ],
  });
}

/** The error after every source has failed: all reasons, and what helps. */
export function exhausted(wanted: WantedFile, failures: readonly Failure[], env: NodeJS.ProcessEnv): DownloadError {
  const denied = failures.find(({ fault }) => fault.kind === 'denied');
  return new DownloadError(`${wanted.name} could not be downloaded.`, {
    id: 'download/failed',
    details: [
      ...failures.map(({ fault }) => `${fault.message}.`),
      ...(isKept(wanted.path) ? ['What is downloaded so far is kept; the same command goes on from there.'] : []),
    ],
    nextSteps:
      denied === undefined
        ? failureAdvice(
            failures.map(({ fault }) => fault),
            env,
          )
        : accessAdvice(denied.address),
    cause: failures[0]?.fault,
  });
}

/** Advice for faults other than refused access. */
export function failureAdvice(faults: readonly Fault[], env: NodeJS.ProcessEnv): string[] {
  const kinds = new Set(faults.map(({ kind }) => kind));
  const proxies = proxyHosts(env).join(' and ');
  if (kinds.has('proxy'))
    return [`Check HTTPS_PROXY (${proxies}): a user and a password go into it as http://user:password@host:port`];
  if (kinds.has('certificate'))
    return [
      'A company network that looks into TLS has a certificate of its own; ask for its file, then:',
      '  export NODE_EXTRA_CA_CERTS=/path/to/company-ca.pem',
    ];
  if (kinds.has('network') || kinds.has('stalled') || kinds.has('truncated'))
    return [
      proxies === ''
        ? 'Check the network, and HTTPS_PROXY if you are behind a proxy; then run the same command again.'
        : `Check the network and the proxy ${proxies} (HTTPS_PROXY, HTTP_PROXY, ALL_PROXY; NO_PROXY names hosts that need none).`,
      'Another mirror of the hub can be named: export HF_ENDPOINT=https://…',
    ];
  const wait = Math.max(0, ...faults.map(({ retryAfter }) => retryAfter ?? 0));
  if (wait > 0) return [`The server asks to wait ${formatDuration(wait)}; then run the same command again.`];
  if (kinds.has('gone') || kinds.has('other-file') || kinds.has('page'))
    return [
      'Look whether the address still leads to the file.',
      'If it comes from the registry: visiontrain models check',
    ];
  return ['Run the same command again later.'];
}
