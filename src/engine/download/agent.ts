/** Connections as the environment wants them: proxies, certificates, time limits. */
import { readFileSync } from 'node:fs';
import { rootCertificates } from 'node:tls';
import { Agent, type Dispatcher, EnvHttpProxyAgent } from 'undici';
import { EnvironmentError } from '../errors.ts';
import type { DownloadSettings } from './settings.ts';
import { buildReusingConnector } from './socket.ts';

/** undici hides an upper-case variable behind an empty lower-case one, and knows no ALL_PROXY; people expect both. */
function proxyVariables(env: NodeJS.ProcessEnv): { httpProxy: string; httpsProxy: string; noProxy: string } {
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

/** Hosts of the proxies in use, without user and password. */
export function proxyHosts(env: NodeJS.ProcessEnv): string[] {
  const { httpProxy, httpsProxy } = proxyVariables(env);
  return [...new Set([httpsProxy, httpProxy].filter((proxy) => URL.canParse(proxy)))].map(
    (proxy) => new URL(proxy).host,
  );
}

/** The address is never shown: it may hold a password. @throws EnvironmentError */
function checkProxy(proxy: string): void {
  // After the host nothing is wanted. With an @ in there, it is the password that has ended the host too early.
  const [, , user, rest = ''] = /^[a-z0-9]+:\/\/((.*)@)?([^@]*)$/is.exec(proxy) ?? [];
  const legal = URL.canParse(proxy) && /^(https?|socks5?):$/.test(new URL(proxy).protocol) && rest !== '';
  if (legal && (user === undefined || (!/[/?#\\\t\n\r]/.test(user) && isDecodable(user)))) return;
  if (user !== undefined)
    throw new EnvironmentError(
      'The user or password in a proxy variable holds a letter that has to be written otherwise.',
      {
        details: ['It is not shown here.'],
        nextSteps: [
          'Write % as %25, @ as %40, : as %3A, / as %2F, # as %23, ? as %3F and a space as %20, and other letters in UTF-8.',
          'Check HTTPS_PROXY, HTTP_PROXY and ALL_PROXY: http://user:password@host:port',
        ],
      },
    );
  throw new EnvironmentError('A proxy variable is no address of a proxy that can be used.', {
    nextSteps: [
      'It should look like http://host:port (https and socks5 are known too); check HTTPS_PROXY, HTTP_PROXY and ALL_PROXY.',
    ],
  });
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

/** @throws EnvironmentError when certificates cannot be read or a proxy is no address */
export function createAgent(settings: DownloadSettings, env: NodeJS.ProcessEnv): Dispatcher {
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
  for (const proxy of [proxies.httpProxy, proxies.httpsProxy]) if (proxy !== '') checkProxy(proxy);
  return new EnvHttpProxyAgent({
    ...proxies,
    connect,
    // Plain http through a plain proxy goes as a proxy request, which every proxy knows; CONNECT to port 80 many refuse.
    proxyTunnel: false,
    requestTls: connect,
    proxyTls: connect,
  });
}
