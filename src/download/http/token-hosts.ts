/**
 * Decides which variable may be sent to which server as a token. An entry of the registry names both, but it may come
 * from a stranger, who must not be able to send any variable to any host. So the person is asked, and each consent is
 * kept here.
 */
import { join } from 'node:path';
import { writeFileAtomic } from '../../base/files/atomic.ts';
import { makePrivateFolder } from '../../base/files/private-folder.ts';
import { readGiven } from '../../base/files/regular-file.ts';
import type { Places } from '../../base/paths.ts';

const file = (places: Pick<Places, 'state'>) => join(places.state, 'token-hosts.json');

/** Variable and origin (scheme, host, port) as one key. */
export const tokenHost = (variable: string, url: string): string => `${variable} ${new URL(url).origin}`;

/** The pairs of variable and origin that the person has allowed so far. */
export function allowedTokenHosts(places: Pick<Places, 'state'>): string[] {
  try {
    const list: unknown = JSON.parse(readGiven(file(places), 1 << 20).toString('utf8'));
    return Array.isArray(list) ? list.filter((item) => typeof item === 'string') : [];
  } catch {
    return [];
  }
}

/** Allows a variable for the servers of these addresses, permanently. */
export function allowTokenHosts(places: Pick<Places, 'state'>, variable: string, urls: readonly string[]): void {
  const known = allowedTokenHosts(places);
  const all = new Set([...known, ...urls.map((url) => tokenHost(variable, url))]);
  if (all.size === known.length) return;
  makePrivateFolder(places.state);
  writeFileAtomic(file(places), `${JSON.stringify([...all].sort(), null, 2)}\n`, 0o600);
}
