/** Proxies from the environment: which variable counts, and whether its value is an address of a proxy. */
import { EnvironmentError } from '../../base/errors.ts';
import { decodePercent } from '../../base/text.ts';

export interface ProxyAddress {
  /** Address without user and password. */
  readonly url: string;
  readonly host: string;
  readonly socks: boolean;
  /** User and password, decoded; undefined when the address has none. */
  readonly login: { readonly user: string; readonly password: string } | undefined;
}

export interface Proxies {
  readonly http: ProxyAddress | undefined;
  readonly https: ProxyAddress | undefined;
  readonly noProxy: string;
}

/**
 * Our own reading is needed because undici lets an empty lower-case variable hide the upper-case one and ignores
 * ALL_PROXY, which people expect to work.
 */
const HTTP = ['http_proxy', 'HTTP_PROXY'];
const HTTPS = ['https_proxy', 'HTTPS_PROXY'];
const ALL = ['all_proxy', 'ALL_PROXY'];

/** Longest user name and password that SOCKS can carry, in bytes. */
const SOCKS_LONGEST = 255;

/**
 * Reads the proxy variables.
 * @throws {EnvironmentError} that names the variable and never its value
 */
export function readProxies(env: NodeJS.ProcessEnv): Proxies {
  return {
    http: proxyIn(env, [...HTTP, ...ALL]),
    https: proxyIn(env, [...HTTPS, ...HTTP, ...ALL]),
    noProxy: first(env, ['no_proxy', 'NO_PROXY'])?.value ?? '',
  };
}

/** Hosts of the proxies in use, without user and password; empty where they cannot be read. */
export function proxyHosts(env: NodeJS.ProcessEnv): string[] {
  try {
    const { http, https } = readProxies(env);
    return [...new Set([https, http].flatMap((proxy) => proxy?.host ?? []))];
  } catch {
    return [];
  }
}

function first(env: NodeJS.ProcessEnv, names: readonly string[]): { name: string; value: string } | undefined {
  for (const name of names) {
    const value = env[name]?.trim() ?? '';
    if (value !== '') return { name, value };
  }
  return undefined;
}

function proxyIn(env: NodeJS.ProcessEnv, names: readonly string[]): ProxyAddress | undefined {
  const found = first(env, names);
  return found === undefined ? undefined : parseProxy(found.value, found.name);
}

const ENCODE = 'In a user or a password these are written so: # %23, / %2F, ? %3F, \\ %5C, @ %40, : %3A, space %20.';

function parseProxy(value: string, variable: string): ProxyAddress {
  const refuse = (reason: string, ...steps: string[]) =>
    new EnvironmentError(`${variable} is no address of a proxy that can be used.`, {
      id: 'download/proxy',
      details: [reason],
      nextSteps: [...steps, `It looks like: export ${variable}=http://user:password@host:port`],
    });
  // biome-ignore lint/suspicious/noControlCharactersInRegex: URL would leave them out, and so change a password
  if (/[\u0000-\u001f\u007f]/.test(value)) throw refuse('It holds a line break or another control character.');
  const text = /^[a-z][a-z0-9+.-]*:\/\//i.test(value) ? value : `http://${value}`;
  const login = text.includes('@');
  if (!URL.canParse(text)) throw refuse('It cannot be read as an address.', ...(login ? [ENCODE] : []));
  const { protocol, hostname, host, port, username, password, pathname, search, hash } = new URL(text);
  const scheme = protocol === 'socks5h:' || protocol === 'socks:' ? 'socks5:' : protocol;
  if (!/^(https?|socks5):$/.test(scheme)) throw refuse('Known are http, https and socks5.');
  // An unescaped `/`, `?` or `#` in a password ends the host: URL then reads the rest of the password as a path, and
  // its beginning as a host.
  if (`${pathname}${search}${hash}`.includes('@'))
    throw refuse('Its user or password has a character to be encoded.', ENCODE);
  if (hostname === '') throw refuse('It names no host.');
  if (port === '0') throw refuse('No proxy has the port 0.');
  const [user, secret] = [decodePercent(username), decodePercent(password)];
  const socks = scheme === 'socks5:';
  if (socks && [user, secret].some((part) => Buffer.byteLength(part) > SOCKS_LONGEST))
    throw refuse(`SOCKS carries a user and a password of at most ${SOCKS_LONGEST} bytes each.`);
  return {
    url: `${scheme}//${host}`,
    host,
    socks,
    login: user === '' && secret === '' ? undefined : { user, password: secret },
  };
}
