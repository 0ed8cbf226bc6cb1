/** Turns sources of the registry into addresses, and decides which token may go to which host. */
import { basename } from 'node:path';
import { decodePercent } from '../../base/text.ts';
import { shownAddress } from './secrets.ts';
import type { DownloadSettings } from './settings.ts';
import type { Source } from './source.ts';
import { tokenHost } from './token-hosts.ts';

export interface Address {
  readonly url: string;
  /** Text for people: the host and what is fetched, without the query. */
  readonly label: string;
  /** Bearer token for the host of this address only. */
  readonly token: string | undefined;
  /** Variable that the token is read from, when the source names one. */
  readonly tokenEnv?: string;
  /** True when the person has not allowed that variable to be sent to this host. */
  readonly tokenRefused?: boolean;
  /** Page where a person can read about access, for messages. */
  readonly page: string | undefined;
  readonly kind: Source['kind'];
}

/**
 * The addresses of a file, in the order in which they are tried. `path` is the file's name where a source does not give
 * it.
 */
export function addresses(
  sources: readonly Source[],
  path: string,
  settings: DownloadSettings,
  env: NodeJS.ProcessEnv,
): Address[] {
  return sources.map((source) => {
    if (source.kind === 'hub') {
      const inner = (source.path ?? path).split('/').map(encodeURIComponent).join('/');
      const url = `${settings.hub}/${source.repo}/resolve/${source.revision ?? 'main'}/${inner}`;
      return { url, label: hostOf(url), token: settings.hubToken, page: hubPage(settings, source.repo), kind: 'hub' };
    }
    if (source.kind === 'civitai') {
      const url = `${settings.civitai}/api/download/models/${source.version}`;
      const page = `${settings.civitai}/models/${source.model}?modelVersionId=${source.version}`;
      return { url, label: hostOf(url), token: settings.civitaiToken, page, kind: 'civitai' };
    }
    const { url, token_env: name } = source;
    if (name === undefined)
      return { url, label: hostOf(url), token: ownToken(url, settings), page: undefined, kind: 'url' };
    const allowed = settings.tokenHosts.includes(tokenHost(name, url));
    return {
      url,
      label: hostOf(url),
      token: allowed ? env[name]?.trim() || undefined : ownToken(url, settings),
      tokenEnv: name,
      tokenRefused: !allowed,
      page: undefined,
      kind: 'url',
    };
  });
}

/** Page of a repository, without the login that the hub's address may hold. */
export const hubPage = (settings: DownloadSettings, repo: string) =>
  `${shownAddress(settings.hub).replace(/\/+$/, '')}/${repo}`;

/** Token for a plain URL: one that leads to the hub or to Civitai gets the token of that host. */
function ownToken(url: string, settings: DownloadSettings): string | undefined {
  const origin = new URL(url).origin;
  if (origin === new URL(settings.hub).origin) return settings.hubToken;
  if (origin === new URL(settings.civitai).origin) return settings.civitaiToken;
  return undefined;
}

function hostOf(url: string): string {
  return new URL(url).host;
}

/** Name of the file at the end of an address, made fit for a disk; undefined when there is none. */
export function addressedFile(url: string): string | undefined {
  const name = basename(decodePercent(new URL(url).pathname)).replaceAll(/[^\w.+ -]/g, '_');
  return name === '' || name.startsWith('.') ? undefined : name;
}

/** An address without user, password and query, fit to be shown or written down. */
export function redact(url: string): string {
  const { protocol, host, pathname, search } = new URL(url);
  return `${protocol}//${host}${pathname}${search === '' ? '' : '?…'}`;
}

/** What to tell a person whose access was refused, by the kind of source. */
export function accessAdvice(address: Address): string[] {
  if (address.kind === 'hub')
    return [
      ...(address.page === undefined ? [] : [`Open ${address.page} once and accept the terms if it asks for it.`]),
      address.token === undefined
        ? 'Then set HF_TOKEN to a token of your account (it is sent to the hub only).'
        : 'Check that the token in HF_TOKEN belongs to the account that has access.',
    ];
  if (address.kind === 'civitai')
    return [
      address.token === undefined
        ? 'Set CIVITAI_TOKEN to an API key of your Civitai account: this creator asks for a login.'
        : 'Civitai refuses this key: the file may be in early access, or downloads are switched off.',
    ];
  if (address.tokenEnv !== undefined && address.tokenRefused === true)
    return [
      `The entry names the variable ${address.tokenEnv} for ${address.label}. It is sent there only when you have said so:`,
      `  visiontrain models pull ID --token-env ${address.tokenEnv}`,
    ];
  if (address.tokenEnv !== undefined)
    return [
      address.token === undefined
        ? `Set ${address.tokenEnv} to a token for ${address.label}.`
        : `Check that the token in ${address.tokenEnv} has access.`,
    ];
  return ['If the address needs a token: put it in a variable and name it with --token-env NAME.'];
}
