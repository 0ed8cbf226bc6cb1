import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { createServer, request as httpRequest, type IncomingMessage } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { DownloadError, EnvironmentError } from '../../src/base/errors.ts';
import { checkRoom } from '../../src/base/files/disk.ts';
import { places } from '../../src/base/paths.ts';
import { identify } from '../../src/base/process/identity.ts';
import { fetchFile } from '../../src/download/fetch-file.ts';
import { readJournal } from '../../src/download/file/journal.ts';
import { listPartials, partNames, removePartial } from '../../src/download/file/partials.ts';
import { downloadSettings, type SettingsOverrides } from '../../src/download/http/settings.ts';
import type { Source } from '../../src/download/http/source.ts';
import type { FileProgress } from '../../src/download/transfer/report.ts';
import type { Reuse } from '../../src/download/wanted.ts';
import { loadRegistry } from '../../src/registry/catalogue/load.ts';
import { type AssetEntry, assetEntrySchema } from '../../src/registry/catalogue/schema.ts';
import { stillToCome } from '../../src/registry/fetch/disk-space.ts';
import { checkModelRoom } from '../../src/registry/fetch/fetch-model.ts';
import { createReuse } from '../../src/registry/fetch/reuse.ts';
import { cli } from '../helpers/cli.ts';
import { FaultServer, sampleFile } from '../helpers/fault-server.ts';

const SIZE = (4 << 20) + 77;
const content = sampleFile(SIZE, 3);
const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const sha256 = digest(content);
const servers: FaultServer[] = [];

async function serve(bytes: Buffer = content): Promise<FaultServer> {
  const server = await new FaultServer(bytes).start();
  servers.push(server);
  return server;
}

afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop();
});

interface Options {
  readonly path?: string;
  readonly bytes?: number | undefined;
  readonly sources?: Source[];
  readonly settings?: SettingsOverrides;
  readonly env?: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal;
  readonly reuse?: Reuse;
  readonly onProgress?: (progress: FileProgress) => void;
}

const newPath = () => join(mkdtempSync(join(tmpdir(), 'vt-fetch-')), 'model.safetensors');

/** Does one download with short waits. Returns its messages and the path of the file. */
async function get(server: FaultServer, options: Options = {}) {
  const path = options.path ?? newPath();
  const notes: string[] = [];
  const env = options.env ?? {};
  const outcome = await fetchFile(
    {
      path,
      sha256,
      bytes: 'bytes' in options ? options.bytes : SIZE,
      sources: options.sources ?? [{ kind: 'url', url: server.url }],
      name: 'model',
    },
    {
      env,
      settings: downloadSettings(env, { stallTimeout: 0.5, backOffUnit: 0.01, tries: 3, ...options.settings }),
      signal: options.signal ?? AbortSignal.timeout(20_000),
      ...(options.reuse === undefined ? {} : { reuse: options.reuse }),
      onProgress: (progress) => {
        if (progress.note !== undefined) notes.push(progress.note);
        options.onProgress?.(progress);
      },
    },
  );
  return { path, outcome, notes: notes.join('\n'), right: digest(readFileSync(path)) === sha256 };
}

/** Stops a download at about half. */
async function interrupted(server: FaultServer): Promise<string> {
  const path = newPath();
  const stop = new AbortController();
  server.limit = 16 << 20;
  await get(server, {
    path,
    signal: stop.signal,
    settings: { reportEvery: 0 },
    onProgress: ({ done }) => done > SIZE / 2 && stop.abort(new Error('stop')),
  }).catch(() => {});
  server.limit = undefined;
  server.served = 0;
  expect(existsSync(path)).toBe(false);
  expect(existsSync(partNames(path).journal)).toBe(true);
  return path;
}

describe('talking to servers', () => {
  it('asks for uncompressed bytes under its own name', async () => {
    const server = await serve();
    await get(server);
    expect(server.seen[0]).toMatchObject({ acceptEncoding: 'identity', range: `bytes=0-${SIZE - 1}` });
    expect(server.seen[0]?.userAgent).toMatch(/^visiontrain\/[\d.]+ /);
  });

  it('never shows a token to the host it is redirected to, and uses the signed address until it expires', async () => {
    const hub = await serve();
    const storage = await serve();
    hub.signedBy = storage;
    hub.signatureUses = 2;
    storage.faults = [
      { kind: 'reset', at: 1_000_000, times: 1 },
      { kind: 'reset', at: 2_000_000, times: 1 },
      { kind: 'reset', at: 3_000_000, times: 1 },
    ];
    const { right } = await get(hub, {
      sources: [{ kind: 'url', url: hub.url, token_env: 'SECRET' }],
      env: { SECRET: 'abc' },
      // Requests are counted, so there is only one connection, however slow the machine is.
      settings: { tries: 8, connections: { first: 1, most: 1 }, tokenHosts: [`SECRET ${new URL(hub.url).origin}`] },
    });
    expect(right).toBe(true);
    expect(hub.seen.map((request) => request.authorization)).toEqual(['Bearer abc', 'Bearer abc']);
    expect(storage.seen.every((request) => request.authorization === undefined)).toBe(true);
    expect(storage.seen.length).toBeGreaterThan(3);
  });

  it('sends If-Range once it knows the ETag', async () => {
    const server = await serve();
    server.faults = [{ kind: 'reset', at: 2_000_000, times: 1 }];
    await get(server);
    expect(server.seen.map((request) => request.ifRange)).toEqual([undefined, '"one"']);
  });

  it('finds out a size that no source of the registry tells', async () => {
    const server = await serve();
    expect((await get(server, { bytes: undefined })).right).toBe(true);
    expect(server.seen[0]?.range).toBe('bytes=0-0');
  });

  it('notices that a hub announces other content before a byte of it is read', async () => {
    const server = await serve();
    server.extraHeaders = { 'x-linked-etag': `"${'0'.repeat(64)}"` };
    await expect(get(server)).rejects.toThrow(DownloadError);
    expect(existsSync(partNames(newPath()).part)).toBe(false);
  });

  it('uses several connections where asked', async () => {
    const server = await serve(sampleFile(24 << 20, 5));
    server.limit = 12 << 20;
    let most = 0;
    const bytes = server.content;
    const path = newPath();
    await fetchFile(
      { path, sha256: digest(bytes), bytes: bytes.length, sources: [{ kind: 'url', url: server.url }], name: 'm' },
      {
        env: {},
        settings: downloadSettings({}, { connections: { first: 4, most: 4 }, reportEvery: 0 }),
        signal: AbortSignal.timeout(20_000),
        onProgress: ({ connections }) => {
          most = Math.max(most, connections);
        },
      },
    );
    expect(most).toBe(4);
    expect(digest(readFileSync(path))).toBe(digest(bytes));
  });

  it('goes through a proxy, except where NO_PROXY says no', async () => {
    const server = await serve();
    let through = 0;
    const proxy = createServer((request, response) => {
      through += 1;
      const { hostname, port, pathname } = new URL(request.url ?? '');
      const { host, ...headers } = request.headers;
      httpRequest({ hostname, port, path: pathname, headers: { ...headers, host } }, (answer) => {
        response.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.pipe(response);
      }).end();
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    const address = `127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    // An empty lower-case variable hides the other one in undici.
    const settings = { connections: { first: 1, most: 1 } };
    expect((await get(server, { env: { http_proxy: '', HTTP_PROXY: address }, settings })).right).toBe(true);
    expect(through).toBe(1);
    await get(server, { env: { ALL_PROXY: `http://${address}`, NO_PROXY: '127.0.0.1' }, settings });
    expect(through).toBe(1);
    proxy.close();
  });
});

const openssl = spawnSync('openssl', ['version']).status === 0;

/** A proxy that tunnels, or refuses with this status. `logins` lists the logins that it was sent. */
async function serveProxy(refuse?: number) {
  const logins: (string | undefined)[] = [];
  const note = ({ headers }: IncomingMessage) =>
    logins.push(
      headers['proxy-authorization'] && Buffer.from(headers['proxy-authorization'].slice(6), 'base64').toString(),
    );
  const proxy = createServer((request, response) => {
    note(request);
    response.writeHead(refuse ?? 500).end();
  });
  proxy.on('connect', (request: IncomingMessage, client: Socket) => {
    note(request);
    if (refuse !== undefined) return void client.end(`HTTP/1.1 ${refuse} No\r\ncontent-length: 0\r\n\r\n`);
    const { hostname, port } = new URL(`http://${request.url}`);
    const server = connect(Number(port), hostname, () => {
      client.write('HTTP/1.1 200 OK\r\n\r\n');
      server.pipe(client).pipe(server);
    });
    server.on('error', () => client.destroy());
    client.on('error', () => server.destroy());
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  const close = () => {
    proxy.closeAllConnections();
    proxy.close();
  };
  return { host, logins, close };
}

describe('a proxy', () => {
  it('that asks for a login is reported at once, with the place for the login', async () => {
    const proxy = await serveProxy(407);
    for (const scheme of ['http', 'https']) {
      const sources: Source[] = [{ kind: 'url', url: `${scheme}://example.invalid/model.safetensors` }];
      const env = { [`${scheme}_proxy`]: `http://${proxy.host}` };
      const error = await get(await serve(), { sources, env }).catch((e: unknown) => e);
      expect(error).toBeInstanceOf(DownloadError);
      expect((error as DownloadError).details).toEqual(['the proxy answered 407: it asks for a login.']);
      expect((error as DownloadError).nextSteps.join()).toMatch(`(${proxy.host}): a user and a password go into it`);
    }
    // Each download asked the proxy once: another try could not help.
    expect(proxy.logins).toHaveLength(2);
    proxy.close();
  });

  it.each(['ftp://127.0.0.1:9', 'socks4://127.0.0.1:9', 'http://'])('%s is refused in words', async (address) => {
    const failed = get(await serve(), { env: { HTTPS_PROXY: address } });
    await expect(failed).rejects.toThrow(EnvironmentError);
    await expect(failed).rejects.toThrow('no address of a proxy that can be used');
  });

  it('that is down is named without its password', async () => {
    const env = { HTTP_PROXY: 'http://user:secret@127.0.0.1:9' };
    const error: DownloadError = await get(await serve(), { env }).catch((e) => e);
    const said = [error.message, ...error.details, ...error.nextSteps].join('\n');
    expect(said).toContain('the proxy 127.0.0.1:9 (HTTPS_PROXY');
    expect(said).not.toContain('secret');
    expect(said).not.toContain('is kept');
  });
});

describe.skipIf(!openssl)('over TLS', () => {
  /** A server with a certificate that nobody signed. It supports ranges. */
  async function serveTls() {
    const folder = mkdtempSync(join(tmpdir(), 'vt-tls-'));
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
    execFileSync(
      'openssl',
      ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', cert, '-days', '2', ...names],
      { stdio: 'ignore' },
    );
    const server = createTlsServer({ key: readFileSync(key), cert: readFileSync(cert) }, (request, response) => {
      const [, from = '0', last = String(SIZE - 1)] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
      response.writeHead(206, {
        'content-length': Number(last) - Number(from) + 1,
        'content-range': `bytes ${from}-${last}/${SIZE}`,
      });
      response.end(content.subarray(Number(from), Number(last) + 1));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `https://localhost:${(server.address() as AddressInfo).port}/model.safetensors`;
    return { server, cert, sources: [{ kind: 'url', url }] satisfies Source[] };
  }

  it('trusts the certificate authority that it is given, and no other', async () => {
    const plain = await serve();
    const { server, cert, sources } = await serveTls();
    try {
      const { path } = await get(plain, { sources, env: { SSL_CERT_FILE: cert } });
      expect(digest(readFileSync(path))).toBe(sha256);
      await expect(get(plain, { sources })).rejects.toThrow(DownloadError);
      await expect(get(plain, { sources, env: { SSL_CERT_FILE: `${cert}.gone` } })).rejects.toThrow(/cannot be read/);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });

  it('says what to do about a certificate of an unknown authority, and does not try again', async () => {
    const plain = await serve();
    const { server, sources } = await serveTls();
    let shakes = 0;
    server.on('tlsClientError', () => {
      shakes += 1;
    });
    const error: DownloadError = await get(plain, { sources }).catch((e) => e);
    expect(error.details.join()).toMatch(/localhost:\d+: self-signed certificate/);
    expect(error.nextSteps.join('\n')).toContain('export NODE_EXTRA_CA_CERTS=');
    expect(shakes).toBe(1);
    server.close();
  });

  it.each([
    ['NODE_EXTRA_CA_CERTS', {}],
    ['NODE_EXTRA_CA_CERTS', { SSL_CERT_FILE: 'of another server' }],
    ['SSL_CERT_FILE', {}],
    ['REQUESTS_CA_BUNDLE', {}],
    ['CURL_CA_BUNDLE', {}],
  ] as const)('the command line takes %s with %o', async (name, beside) => {
    const { server, cert, sources } = await serveTls();
    const another = Object.keys(beside).length > 0 ? await serveTls() : undefined;
    another?.server.close();
    const url = sources[0]?.url ?? '';
    const path = newPath();
    const args = ['models', 'pull', url, '--sha256', sha256, '--size', String(SIZE), '-o', path];
    const { code } = await cli(args, {
      PATH: process.env.PATH,
      VISIONTRAIN_HOME: dirname(path),
      ...(another === undefined ? {} : { SSL_CERT_FILE: another.cert }),
      [name]: cert,
    });
    expect(code).toBe(0);
    server.closeAllConnections();
    server.close();
  });

  it.each([
    [undefined, true],
    ['localhost', false],
    ['*', false],
    ['example.org, localhost:PORT', false],
    ['localhost:1', true],
  ])('goes through a proxy with a login; NO_PROXY=%s', async (exceptions, through) => {
    const plain = await serve();
    const { server, cert, sources } = await serveTls();
    const proxy = await serveProxy();
    const port = new URL(sources[0]?.url ?? '').port;
    const env = {
      SSL_CERT_FILE: cert,
      HTTPS_PROXY: `http://user:p%40ss@${proxy.host}`,
      NO_PROXY: exceptions?.replace('PORT', port),
    };
    expect((await get(plain, { sources, env })).right).toBe(true);
    expect(new Set(proxy.logins)).toEqual(new Set(through ? ['user:p@ss'] : []));
    proxy.close();
    server.closeAllConnections();
    server.close();
  });

  it('loses no byte when the stream is paused again and again', async () => {
    const plain = await serve();
    const { server, cert, sources } = await serveTls();
    try {
      const settings = { limit: 8 << 20, connections: { first: 3, most: 3 } };
      const { path } = await get(plain, { sources, env: { SSL_CERT_FILE: cert }, settings });
      expect(digest(readFileSync(path))).toBe(sha256);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});

describe('resuming', () => {
  it('fetches no verified piece twice', async () => {
    const server = await serve();
    const path = await interrupted(server);
    expect((await get(server, { path })).right).toBe(true);
    expect(server.served).toBeLessThan(0.7 * SIZE);
    expect(readdirSync(dirname(path))).toEqual(['model.safetensors']);
  });

  it('finds a flipped bit in the partial file and fetches that megabyte again', async () => {
    const server = await serve();
    const path = await interrupted(server);
    const part = openSync(partNames(path).part, 'r+');
    writeSync(part, Buffer.from([0]), 0, 1, 500_000);
    const { right, notes } = await get(server, { path });
    expect(right).toBe(true);
    expect(notes).toContain('megabyte 1 of what was here already is damaged');
  });

  it.each([
    ['a torn last line', (journal: string) => writeFileSync(journal, `${readFileSync(journal, 'latin1')}3 12ab`)],
    ['an empty journal', (journal: string) => truncateSync(journal, 0)],
    ['a journal of nonsense', (journal: string) => writeFileSync(journal, 'nonsense\n\u0000\n')],
    [
      'claims of pieces that are a hole',
      (journal: string) => writeFileSync(journal, `${readFileSync(journal, 'latin1')}4 00000000\n`),
    ],
  ])('survives %s', async (_name, spoil) => {
    const server = await serve();
    const path = await interrupted(server);
    spoil(partNames(path).journal);
    expect((await get(server, { path })).right).toBe(true);
  });

  it('sets aside a partial file that belongs to another file', async () => {
    const server = await serve();
    const path = await interrupted(server);
    const { journal } = partNames(path);
    writeFileSync(journal, readFileSync(journal, 'latin1').replace(sha256, 'f'.repeat(64)));
    expect((await get(server, { path })).right).toBe(true);
    expect(readdirSync(dirname(path)).sort()).toEqual(['model.safetensors', 'model.safetensors.part.other']);
  });

  it('cuts a partial file that is too long', async () => {
    const server = await serve();
    const path = await interrupted(server);
    truncateSync(partNames(path).part, SIZE + 5_000_000);
    expect((await get(server, { path })).right).toBe(true);
    expect(statSync(path).size).toBe(SIZE);
  });

  it('lists what is unfinished, and removes it when asked', async () => {
    const path = await interrupted(await serve());
    const [partial, ...others] = listPartials(dirname(path));
    expect(others).toEqual([]);
    expect(partial).toMatchObject({ kind: 'unfinished', total: SIZE, busy: false });
    expect(partial === undefined ? false : removePartial(partial)).toBe(true);
    expect(readdirSync(dirname(path))).toEqual([]);
  });
});

describe('wrong bytes', () => {
  it('are replaced from the mirror when the first source sends others', async () => {
    const liar = await serve(sampleFile(SIZE, 4));
    const honest = await serve();
    const sources: Source[] = [liar, honest].map(({ url }) => ({ kind: 'url', url }));
    const { right, notes } = await get(liar, { sources });
    expect(right).toBe(true);
    expect(notes).toContain('the SHA-256 is wrong');
  });

  it('keeps a file with a wrong hash under another name and says both hashes', async () => {
    const liar = await serve(sampleFile(SIZE, 4));
    const path = newPath();
    const error = await get(liar, { path }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(DownloadError);
    expect((error as DownloadError).details.join(' ')).toContain(digest(liar.content));
    expect(readdirSync(dirname(path))).toEqual(['model.safetensors.part.wrong-hash']);
    expect(listPartials(dirname(path))[0]?.kind).toBe('wrong-hash');
  });

  it('never overwrite another file of that name', async () => {
    const server = await serve();
    const path = newPath();
    writeFileSync(path, 'mine');
    expect((await get(server, { path })).right).toBe(true);
    expect(readFileSync(`${path}.other`, 'utf8')).toBe('mine');
  });

  it('leaves the right file alone', async () => {
    const server = await serve();
    const path = newPath();
    writeFileSync(path, content);
    expect((await get(server, { path })).outcome).toBe('already there');
    expect(server.seen).toEqual([]);
  });
});

describe('processes', () => {
  it('share one download of the same file', async () => {
    const server = await serve();
    server.limit = 20 << 20;
    const path = newPath();
    const outcomes = await Promise.all([get(server, { path }), get(server, { path })]);
    expect(outcomes.map(({ outcome }) => outcome).sort()).toEqual(['already there', 'downloaded']);
    expect(server.served).toBe(SIZE);
    expect(readdirSync(dirname(path))).toEqual(['model.safetensors']);
  });

  it('take over from one that died, even if another process has its number now', async () => {
    const server = await serve();
    const path = newPath();
    const { claims } = partNames(path);
    mkdirSync(claims);
    writeFileSync(join(claims, '1.json'), JSON.stringify({ ...identify(process.pid), start: 'another time' }));
    expect((await get(server, { path })).right).toBe(true);
    expect(readdirSync(dirname(path))).toEqual(['model.safetensors']);
  });
});

describe('files that this machine has already', () => {
  const home = () => mkdtempSync(join(tmpdir(), 'vt-reuse-'));
  const put = (folder: string, name: string, bytes: Buffer = content) => {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, name), bytes);
    return join(folder, name);
  };

  it('takes a blob of the Hugging Face cache by a hard link', async () => {
    const root = home();
    const env = { HOME: root, VISIONTRAIN_HOME: join(root, 'vt'), HF_HOME: join(root, 'hf') };
    const blob = put(join(root, 'hf', 'hub', 'models--a--b', 'blobs'), sha256);
    const server = await serve();
    const { path, outcome } = await get(server, {
      env,
      path: join(root, 'out.safetensors'),
      reuse: createReuse(places(env), env),
    });
    expect(outcome).toBe('reused');
    expect(statSync(path).ino).toBe(statSync(blob).ino);
    expect(server.seen).toEqual([]);
  });

  it('finds a checkpoint in a ComfyUI folder by size and hash, through a link, and not by name', async () => {
    const root = home();
    const env = { HOME: root, VISIONTRAIN_HOME: join(root, 'vt') };
    const big = Buffer.concat([content, Buffer.alloc(16 << 20)]);
    const folder = join(root, 'ComfyUI', 'models', 'checkpoints', 'sub');
    put(folder, 'model.safetensors', Buffer.alloc(big.length));
    const real = put(join(root, 'elsewhere'), 'x.safetensors', big);
    symlinkSync(real, join(folder, 'renamed by me.safetensors'));
    const path = join(root, 'out.safetensors');
    const outcome = await fetchFile(
      { path, sha256: digest(big), bytes: big.length, sources: [], name: 'm' },
      {
        env,
        settings: downloadSettings(env, { offline: true }),
        signal: AbortSignal.timeout(20_000),
        reuse: createReuse(places(env), env),
        onProgress: () => {},
      },
    );
    expect(outcome).toBe('reused');
    expect(statSync(path).isSymbolicLink()).toBe(false);
    expect(digest(readFileSync(path))).toBe(digest(big));
  });

  it.each([
    ['stable-diffusion-webui/models/Stable-diffusion', {}],
    ['stable-diffusion-webui-forge/models/Stable-diffusion', {}],
    ['comfy/ComfyUI/models/checkpoints', {}],
    ['mine/a/b', { VISIONTRAIN_MODEL_DIRS: '/nowhere:HOME/mine' }],
  ])('finds a checkpoint in %s', async (folder, more: { VISIONTRAIN_MODEL_DIRS?: string }) => {
    const root = home();
    const big = Buffer.concat([content, Buffer.alloc(16 << 20)]);
    const there = put(join(root, folder), 'any name.safetensors', big);
    const dirs = more.VISIONTRAIN_MODEL_DIRS?.replace('HOME', root);
    const env = { HOME: root, VISIONTRAIN_HOME: join(root, 'vt'), VISIONTRAIN_MODEL_DIRS: dirs };
    const outcome = await fetchFile(
      { path: join(root, 'out.safetensors'), sha256: digest(big), bytes: big.length, sources: [], name: 'm' },
      {
        env,
        settings: downloadSettings(env, { offline: true }),
        signal: AbortSignal.timeout(20_000),
        reuse: createReuse(places(env), env),
        onProgress: () => {},
      },
    );
    expect(outcome).toBe('reused');
    expect(statSync(join(root, 'out.safetensors')).ino).toBe(statSync(there).ino);
  });

  it('does not take a blob that is damaged', async () => {
    const root = home();
    const env = { HOME: root, VISIONTRAIN_HOME: join(root, 'vt'), HF_HUB_CACHE: join(root, 'hub') };
    put(join(root, 'hub', 'models--a--b', 'blobs'), sha256, sampleFile(SIZE, 9));
    const { outcome, right } = await get(await serve(), { env, reuse: createReuse(places(env), env) });
    expect([outcome, right]).toEqual(['downloaded', true]);
  });

  it('says so when it is offline', async () => {
    const server = await serve();
    await expect(get(server, { env: { HF_HUB_OFFLINE: '1' } })).rejects.toThrow('offline mode is on');
    expect(server.seen).toEqual([]);
  });
});

describe('limits', () => {
  it('refuses before it starts when the disk has no room', () => {
    expect(() => checkRoom(tmpdir(), 1e18, 'sdxl')).toThrow(EnvironmentError);
  });

  it('checks space for bytes that are still to come: not for files that are here, kept from before, or ready to be linked', async () => {
    const server = await serve();
    const partial = await interrupted(server);
    const root = dirname(partial);
    const env = { HOME: root, VISIONTRAIN_HOME: join(root, 'vt'), HF_HOME: join(root, 'hf') };
    const file = (path: string) => ({ path, sha256, bytes: SIZE, sources: [], name: 'model' });
    const toCome = (path: string) => stillToCome(file(path), { places: places(env), env });
    const kept = readJournal(partNames(partial).journal)?.pieces.doneBytes ?? 0;
    expect(kept).toBeGreaterThan(0);
    expect(toCome(partial)).toBe(SIZE - kept);
    expect(toCome(join(root, 'not', 'there', 'yet.safetensors'))).toBe(SIZE);
    writeFileSync(join(root, 'whole.safetensors'), content);
    expect(toCome(join(root, 'whole.safetensors'))).toBe(0);
    const blobs = join(root, 'hf', 'hub', 'models--a--b', 'blobs');
    mkdirSync(blobs, { recursive: true });
    writeFileSync(join(blobs, sha256), content);
    expect(toCome(join(root, 'not', 'there', 'yet.safetensors'))).toBe(0);
  });

  it('checks space for a base model and its VAE together', () => {
    const root = dirname(newPath());
    const env = { HOME: root, VISIONTRAIN_HOME: root };
    const { bavail, bsize } = statfsSync(root);
    // The disk has room for each of the two files, but not for both.
    const bytes = Math.floor(0.6 * bavail * bsize);
    const files = [{ path: 'w.safetensors', role: 'weights' as const, bytes, sha256 }];
    const known = loadRegistry({ configDir: root }).assets.find(({ kind }) => kind === 'vae') as AssetEntry;
    const entry = (id: string) => assetEntrySchema.parse({ ...known, id, title: id, files });
    const room = (...ids: string[]) =>
      checkModelRoom(
        ids.map((id) => ({ entry: entry(id), companionsOnly: false })),
        { places: places(env), env },
      );
    room('base');
    room('vae');
    expect(() => room('base', 'vae')).toThrow('The disk is too full for base and vae (2 files).');
  });

  it('ends after the time it is given, also while another process is waited for, and goes on from there', async () => {
    const server = await serve();
    server.limit = 2 << 20;
    const path = newPath();
    await expect(get(server, { path, settings: { totalTimeout: 0.8 } })).rejects.toThrow('took longer than 0.8 s');
    server.limit = undefined;
    const { claims } = partNames(path);
    mkdirSync(claims, { recursive: true });
    writeFileSync(join(claims, '9.json'), JSON.stringify(identify(process.pid)));
    await expect(get(server, { path, settings: { totalTimeout: 0.3 } })).rejects.toThrow('took longer than 0.3 s');
    rmSync(claims, { recursive: true });
    expect((await get(server, { path })).right).toBe(true);
  });

  it('gives up where no folder can be made beside the file', async () => {
    const path = '/proc/model.safetensors';
    const refused = await get(await serve(), { path }).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(EnvironmentError);
    expect((refused as EnvironmentError).message).toContain(path);
  });

  it('keeps to a bandwidth limit and still ends right', async () => {
    expect((await get(await serve(), { settings: { limit: 16 << 20 } })).right).toBe(true);
  });

  // A file-size limit fails a write like a full disk does, and needs no disk of its own.
  it('explains a write that the system refuses, keeps the partial file and exits with 3', async () => {
    const server = await serve();
    const path = newPath();
    const bin = join(import.meta.dirname, '../../bin/visiontrain');
    const env = { ...process.env, VISIONTRAIN_HOME: dirname(path) };
    const command = `ulimit -f 2048; ${process.execPath} ${bin} models pull ${server.url} --sha256 ${sha256} --size ${SIZE} -o ${path}`;
    const child = spawn('bash', ['-c', command], { env });
    let said = '';
    child.stderr.on('data', (chunk) => {
      said += String(chunk);
    });
    const code = await new Promise((resolve) => child.on('close', resolve));
    expect(said).toContain('cannot hold a file of this size');
    expect(code).toBe(3);
    expect(existsSync(path)).toBe(false);
    expect(existsSync(partNames(path).part)).toBe(true);
  });
});
