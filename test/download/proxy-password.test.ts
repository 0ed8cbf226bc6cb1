/** Addresses of proxies as people write them work with real proxies, and wrong addresses are explained. */
import { mkdtempSync } from 'node:fs';
import { createServer as createHttpServer, request as httpRequest } from 'node:http';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { EnvironmentError } from '../../src/base/errors.ts';
import { createClient } from '../../src/download/http/client.ts';
import { proxyHosts, readProxies } from '../../src/download/http/proxy.ts';
import { downloadSettings } from '../../src/download/http/settings.ts';
import { cli } from '../helpers/cli.ts';
import { FaultServer, sampleFile } from '../helpers/fault-server.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function target(): Promise<FaultServer> {
  const server = await new FaultServer(sampleFile(1000)).start();
  closing.push(() => server.stop());
  return server;
}

/** The number of bytes downloaded through the proxy that the environment names, or the error. */
async function fetched(env: NodeJS.ProcessEnv, url: string): Promise<number | Error> {
  const client = createClient(downloadSettings({}, { stallTimeout: 5 }), env);
  let bytes = 0;
  const onData = (chunk: Buffer) => {
    bytes += chunk.length;
    return true;
  };
  try {
    const signal = AbortSignal.timeout(10_000);
    await client.send({ method: 'GET', url, token: undefined, signal }, { onHead: () => {}, onData });
    return bytes;
  } catch (error) {
    return error as Error;
  } finally {
    await client.close();
  }
}

/** An HTTP proxy that records the logins it is sent. */
async function httpProxy() {
  const logins: (string | undefined)[] = [];
  const proxy = createHttpServer((request, response) => {
    const login = request.headers['proxy-authorization'];
    logins.push(login === undefined ? undefined : Buffer.from(login.slice(6), 'base64').toString());
    httpRequest(request.url ?? '', { headers: request.headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(response);
    }).end();
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  closing.push(() => {
    proxy.closeAllConnections();
    proxy.close();
  });
  return { host: `127.0.0.1:${(proxy.address() as AddressInfo).port}`, logins };
}

/** A SOCKS5 proxy that asks for a login and takes only this one. */
async function socksProxy(user: string, password: string) {
  const proxy = createServer((client: Socket) => {
    client.on('error', () => {});
    let step = 0;
    client.on('data', (data) => {
      step += 1;
      if (step === 1) client.write(Buffer.from([5, 2]));
      else if (step === 2) {
        const length = data[1] ?? 0;
        const given = [data.toString('utf8', 2, 2 + length), data.toString('utf8', 3 + length)];
        client.write(Buffer.from([1, given[0] === user && given[1] === password ? 0 : 1]));
      } else if (step === 3) {
        const server = connect(data.readUInt16BE(data.length - 2), '127.0.0.1', () => {
          client.write(Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]));
          server.pipe(client);
        });
        server.on('error', () => client.destroy());
        client.on('data', (more) => server.write(more));
        client.on('close', () => server.destroy());
      }
    });
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  closing.push(() => proxy.close());
  return `127.0.0.1:${(proxy.address() as AddressInfo).port}`;
}

describe('a login in the address of a proxy', () => {
  it.each([
    ['http://user:secret@', 'user:secret'],
    ['user:secret@', 'user:secret'],
    ['HTTP://user:secret@', 'user:secret'],
    ['http://user:p%40ss%2Fw%23rd%3F%20x@', 'user:p@ss/w#rd? x'],
    ['http://user:p@ss@', 'user:p@ss'],
    ['http://user:100%@', 'user:100%'],
    ['http://user:50%25@', 'user:50%'],
    ['http://user:pässwörd@', 'user:pässwörd'],
    ['http://user:a:b@', 'user:a:b'],
    ['http://user:@', 'user:'],
    ['http://user@', 'user:'],
    ['http://:secret@', ':secret'],
    ['http://DOMAIN%5Cuser:secret@', 'DOMAIN\\user:secret'],
    ['http://', undefined],
    ['', undefined],
  ])('%s arrives as %s', async (login, arrives) => {
    const { host, logins } = await httpProxy();
    const { url } = await target();
    expect(await fetched({ HTTP_PROXY: ` ${login}${host}/ \n` }, url)).toBe(1000);
    expect(logins).toEqual([arrives]);
  });

  it('reaches a SOCKS proxy unchanged; a wrong one is reported at once', async () => {
    const host = await socksProxy('me', 'p@ss %');
    const { url } = await target();
    for (const scheme of ['socks5', 'socks5h', 'socks'])
      expect(await fetched({ ALL_PROXY: `${scheme}://me:p%40ss%20%25@${host}` }, url)).toBe(1000);
    for (const login of ['me:wrong@', 'me:@', '']) {
      const error = await fetched({ ALL_PROXY: `socks5://${login}${host}` }, url);
      expect(error).toMatchObject({ kind: 'proxy' });
      expect((error as Error).message).not.toContain('wrong');
    }
  });

  it('goes to its own proxy where http and https have different ones', () => {
    const { http, https } = readProxies({ HTTP_PROXY: 'http://a:1@h:80', https_proxy: 'https://b:2@g' });
    expect([http?.login, https?.login]).toEqual([
      { user: 'a', password: '1' },
      { user: 'b', password: '2' },
    ]);
    expect([http?.url, https?.url]).toEqual(['http://h', 'https://g']);
    expect(proxyHosts({ HTTPS_PROXY: 'http://user:secret@[::1]:3128' })).toEqual(['[::1]:3128']);
  });
});

describe('an invalid address of a proxy', () => {
  it.each([
    ['http://user:hunter#2@127.0.0.1:9', /# %23/],
    ['http://user:12#hunter2@127.0.0.1:9', /# %23/],
    ['http://user:12/hunter2@127.0.0.1:9', /\/ %2F/],
    ['http://user:12\\hunter2@127.0.0.1:9', /%5C/],
    ['http://user:12?hunter2@127.0.0.1:9', /\? %3F/],
    ['user:hunter 2@127.0.0.1:9x', /cannot be read as an address/],
    ['http://user:hunter\n2@127.0.0.1:9', /control character/],
    ['http://user:hunter2@127.0.0.1:99999', /cannot be read as an address/],
    ['http://user:hunter2@127.0.0.1:0', /port 0/],
    ['http://user:hunter2@', /cannot be read as an address|names no host/],
    ['socks5://user:hunter2@', /names no host|cannot be read/],
    ['socks4://user:hunter2@127.0.0.1:9', /Known are http, https and socks5/],
    ['file:///hunter2', /Known are/],
    [`socks5://user:${'hunter2'.repeat(40)}@127.0.0.1:9`, /at most 255 bytes/],
  ])('%j is refused by the name of its variable, without its value', (value, reason) => {
    for (const name of ['http_proxy', 'HTTPS_PROXY', 'ALL_PROXY']) {
      let error: unknown;
      try {
        createClient(downloadSettings({}), { [name]: value });
      } catch (caught) {
        error = caught;
      }
      expect(error).toBeInstanceOf(EnvironmentError);
      const { message, details, nextSteps } = error as EnvironmentError;
      const said = [message, ...details, ...nextSteps].join('\n');
      expect(said).toMatch(new RegExp(`^${name} is no address of a proxy that can be used`));
      expect(said).toMatch(reason);
      expect(said).not.toMatch(/hunter|12#|127\.0\.0\.1/);
      expect(proxyHosts({ [name]: value })).toEqual([]);
    }
  });

  it('ends a command with 3', async () => {
    const home = mkdtempSync(join(tmpdir(), 'vt-proxy-'));
    const env = { PATH: process.env.PATH, HOME: home, VISIONTRAIN_HOME: home, HTTPS_PROXY: 'http://me:12#hunter2@h:1' };
    const { code, stdout, stderr } = await cli(['models', 'add', 'me/small', '--debug'], env);
    expect([code, stdout]).toEqual([3, '']);
    expect(stderr).toMatch(/HTTPS_PROXY is no address/);
    expect(stderr).not.toMatch(/hunter2|hit a bug/);
  });
});
