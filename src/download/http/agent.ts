/** Connections that follow the environment's proxies and certificates and have time limits. */
import { readFileSync } from 'node:fs';
import { getCACertificates } from 'node:tls';
import { Agent, type Dispatcher, EnvHttpProxyAgent } from 'undici';
import { EnvironmentError } from '../../base/errors.ts';
import { type ProxyAddress, readProxies } from './proxy.ts';
import type { DownloadSettings } from './settings.ts';
import { buildReusingConnector } from './socket.ts';

/** The part of undici's agents that is used. */
export type Connections = Pick<Dispatcher, 'dispatch'> & { destroy(): Promise<void> };

/**
 * Makes agents, one for each connection.
 * @throws EnvironmentError when certificates cannot be read or a proxy is no address
 */
export function agentFactory(settings: DownloadSettings, env: NodeJS.ProcessEnv): () => Connections {
  const caFile = env.SSL_CERT_FILE || env.REQUESTS_CA_BUNDLE || env.CURL_CA_BUNDLE || '';
  let ca: string[] | undefined;
  try {
    // `ca` replaces the list of Node, to which NODE_EXTRA_CA_CERTS belongs, so that list is repeated.
    if (caFile !== '') ca = [...getCACertificates('default'), readFileSync(caFile, 'utf8')];
  } catch (error) {
    throw new EnvironmentError(`The certificates in ${caFile} cannot be read.`, {
      id: 'download/certificates',
      nextSteps: ['Check SSL_CERT_FILE, REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE.'],
      cause: error,
    });
  }
  const connect = { timeout: settings.connectTimeout * 1000, ...(ca === undefined ? {} : { ca }) };
  const { http, https, noProxy } = readProxies(env);
  const direct = () => new Agent({ connect: buildReusingConnector(connect), pipelining: 1 });
  const through = (proxy: ProxyAddress | undefined) => () =>
    proxy === undefined
      ? direct()
      : new EnvHttpProxyAgent({
          ...proxyOptions(proxy, noProxy),
          connect,
          requestTls: connect, // `proxyTls` would make undici speak TLS to a SOCKS proxy too.
          ...(proxy.socks ? {} : { proxyTls: connect }),
        });
  if (JSON.stringify(http) === JSON.stringify(https)) return through(http);
  return () => new ByScheme(through(http)(), through(https)());
}

/**
 * Options of a proxied agent. The login is handed over apart from the address: undici sends none when the user or the
 * password is empty, and hands a SOCKS proxy the login still percent-encoded.
 */
function proxyOptions({ url, socks, login }: ProxyAddress, noProxy: string): EnvHttpProxyAgent.Options {
  const basic = login && `Basic ${Buffer.from(`${login.user}:${login.password}`).toString('base64')}`;
  return {
    httpProxy: url,
    httpsProxy: url,
    noProxy,
    // Plain http goes to a plain proxy as a proxy request, which every proxy supports; many refuse CONNECT to port 80.
    proxyTunnel: false,
    ...(login === undefined ? {} : socks ? { username: login.user, password: login.password } : { token: basic }),
  } as EnvHttpProxyAgent.Options;
}

/** One agent for http, another for https. */
class ByScheme {
  readonly #http: Dispatcher;
  readonly #https: Dispatcher;

  constructor(http: Dispatcher, https: Dispatcher) {
    this.#http = http;
    this.#https = https;
  }

  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    return (String(options.origin).startsWith('https:') ? this.#https : this.#http).dispatch(options, handler);
  }

  async destroy(): Promise<void> {
    await Promise.all([this.#http.destroy(), this.#https.destroy()]);
  }
}
