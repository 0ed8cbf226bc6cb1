/** Downloads among hostile people and servers: planted files, and false numbers in answers. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import type { AddressInfo, Socket } from 'node:net';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { DownloadError, EnvironmentError } from '../../src/base/errors.ts';
import { linkOrCopy } from '../../src/base/files/disk.ts';
import { identify } from '../../src/base/process/identity.ts';
import { fetchFile } from '../../src/download/fetch-file.ts';
import { readJournal } from '../../src/download/file/journal.ts';
import { partNames } from '../../src/download/file/partials.ts';
import { PIECE } from '../../src/download/file/pieces.ts';
import { downloadSettings } from '../../src/download/http/settings.ts';
import { FaultServer, sampleFile } from '../helpers/fault-server.ts';

const content = sampleFile((1 << 20) + 99, 5);
const sha256 = createHash('sha256').update(content).digest('hex');
const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function serve(): Promise<FaultServer> {
  const server = await new FaultServer(content).start();
  closing.push(() => server.stop());
  return server;
}

/** One download; resolves with the error where there is one. */
function fetch(url: string, path: string, bytes: number | null = content.length): Promise<unknown> {
  return fetchFile(
    { path, sha256, bytes: bytes ?? undefined, sources: [{ kind: 'url', url }], name: 'model' },
    {
      env: {},
      settings: downloadSettings({}, { stallTimeout: 0.5, backOffUnit: 0.01, tries: 2 }),
      signal: AbortSignal.timeout(20_000),
      onProgress: () => {},
    },
  ).catch((error: unknown) => error);
}

describe('a folder that others may write to', () => {
  const folder = () => mkdtempSync(join(tmpdir(), 'vt-shared-'));
  const THESIS = 'my thesis';

  /**
   * Does a download after `plant` has made one of its names point at a file of the person's own, which must not
   * change.
   */
  async function attacked(plant: (names: ReturnType<typeof partNames>, thesis: string) => void) {
    const thesis = join(folder(), 'thesis');
    writeFileSync(thesis, THESIS);
    const path = join(folder(), 'm.bin');
    plant(partNames(path), thesis);
    const before = readdirSync(dirname(path)).sort();
    const error = await fetch((await serve()).url, path);
    expect(readFileSync(thesis, 'utf8')).toBe(THESIS);
    expect(existsSync(path)).toBe(false);
    expect(
      readdirSync(dirname(path))
        .sort()
        .filter((name) => before.includes(name)),
    ).toEqual(before);
    expect(error).toBeInstanceOf(EnvironmentError);
    return error as EnvironmentError;
  }

  it('may hold links, hard links and pipes at names of ours: no byte goes through them', async () => {
    const link = await attacked(({ part }, thesis) => symlinkSync(thesis, part));
    expect(link.message).toMatch(/m\.bin\.part is a link; it is left alone/);
    expect((await attacked(({ journal }, thesis) => symlinkSync(thesis, journal))).message).toMatch(
      /journal is a link/,
    );
    expect((await attacked(({ part }, thesis) => linkSync(thesis, part))).message).toMatch(/a hard link/);
    expect((await attacked(({ journal }, thesis) => linkSync(thesis, journal))).message).toMatch(/a hard link/);
    const pipe = await attacked(({ part }) => execFileSync('sh', ['-c', 'mkfifo "$0"', part]));
    expect(pipe.message).toMatch(/is a FIFO/);
    await attacked(({ journal }) => execFileSync('sh', ['-c', 'mkfifo "$0"', journal]));
    await attacked(({ part }) => mkdirSync(part));
  });

  it('may hold a folder of claims that leads elsewhere, or pipes in it: nothing there is made, removed or waited for', async () => {
    const elsewhere = folder();
    writeFileSync(join(elsewhere, '1-my-thesis.txt'), THESIS);
    const link = await attacked(({ claims }) => symlinkSync(elsewhere, claims));
    expect(link.message).toMatch(/claims is a link/);
    expect(readdirSync(elsewhere)).toEqual(['1-my-thesis.txt']);
    await attacked(({ claims }) => {
      mkdirSync(claims);
      execFileSync('sh', ['-c', 'mkfifo "$0"', join(claims, '1.json')]);
    });
  });

  it.skipIf(process.getuid?.() !== 0)(
    'has files of another user: they are said, not waited for or written to',
    async () => {
      const claimed = await attacked(({ claims }) => {
        mkdirSync(claims);
        chmodSync(claims, 0o777);
        writeFileSync(join(claims, '1.json'), JSON.stringify(identify(1)));
        chownSync(join(claims, '1.json'), 65_532, 65_532);
      });
      expect(claimed.message).toMatch(/1\.json belongs to another user \(number 65532\)/);
      const made = await attacked(({ claims }) => {
        mkdirSync(claims);
        chownSync(claims, 65_532, 65_532);
      });
      expect(made.message).toMatch(/claims belongs to another user/);
      const part = await attacked(({ part: path }) => {
        writeFileSync(path, '');
        chownSync(path, 65_532, 65_532);
      });
      expect(part.message).toMatch(/part belongs to another user/);
    },
  );

  it('gets no claims: these lie where nobody else may write', async () => {
    const path = join(folder(), 'm.bin');
    const { claims } = partNames(path);
    mkdirSync(claims);
    chmodSync(claims, 0o777);
    const server = await serve();
    server.limit = 1 << 20;
    const going = fetch(server.url, path);
    while (server.served === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(lstatSync(claims).mode & 0o777).toBe(0o700);
    expect(await going).toBe('downloaded');
  });

  it('gets a copy of the file under a name that cannot be planted', async () => {
    const thesis = join(folder(), 'thesis');
    writeFileSync(thesis, THESIS);
    const [from, to] = [join('/dev/shm', `vt-copy-${process.pid}`), join(folder(), 'm.bin')];
    writeFileSync(from, content);
    closing.push(() => execFileSync('rm', [from]));
    symlinkSync(thesis, join(dirname(to), `.m.bin.copy-${process.pid}`));
    expect(await linkOrCopy(from, to)).toMatch(/linked|copied/);
    expect(readFileSync(thesis, 'utf8')).toBe(THESIS);
    expect(readFileSync(to).equals(content)).toBe(true);
  });
});

describe('a journal', () => {
  it.each([4e15, 9e17, 2 ** 41])('that claims %d bytes is not valid', (size) => {
    const path = join(mkdtempSync(join(tmpdir(), 'vt-journal-')), 'm.part.journal');
    writeFileSync(path, `${JSON.stringify({ v: 1, piece: PIECE, sha256, size })}\n0 00000000\n`);
    expect(readJournal(path)).toBeUndefined();
  });
});

describe('a server', () => {
  /** A server that answers each request with the bytes that `answer` writes to the connection. */
  async function bare(answer: (socket: Socket) => void): Promise<{ url: string; sent: () => number }> {
    const sockets = new Set<Socket>();
    let before = 0;
    const server: Server = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        before += socket.bytesWritten;
        sockets.delete(socket);
      });
      socket.on('data', () => answer(socket));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closing.push(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    const sent = () => [...sockets].reduce((sum, { bytesWritten }) => sum + bytesWritten, before);
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/m.bin`, sent };
  }
  const path = () => join(mkdtempSync(join(tmpdir(), 'vt-server-')), 'm.bin');
  const repeat = (socket: Socket, text: string) => {
    const write = () => {
      while (!socket.destroyed && socket.write(text));
    };
    socket.on('drain', write);
    write();
  };

  it.each(['4000000000000000', '900000000000000000', '9'.repeat(400)])(
    'that announces %s bytes is not believed',
    async (size) => {
      const { url } = await bare((socket) =>
        socket.write(`HTTP/1.1 206 OK\r\ncontent-range: bytes 0-0/${size}\r\ncontent-length: 1\r\n\r\nx`),
      );
      const error = await fetch(url, path(), null);
      expect(error).toBeInstanceOf(DownloadError);
      expect((error as DownloadError).details.join()).toMatch(/says that the file has .* bytes, which none has/);
    },
  );

  it('that announces more bytes than the disk holds is refused before anything is made for them', async () => {
    const error = await fetch((await serve()).url, path(), 2 ** 52);
    expect(error).toBeInstanceOf(EnvironmentError);
    expect((error as EnvironmentError).message).toContain('The disk is too full');
  });

  it('that redirects with an endless body is not read to its end', async () => {
    const good = await serve();
    const { url, sent } = await bare((socket) => {
      socket.write(`HTTP/1.1 302 Found\r\nlocation: ${good.url}\r\ntransfer-encoding: chunked\r\n\r\n`);
      repeat(socket, `4000\r\n${'x'.repeat(0x4000)}\r\n`);
    });
    expect(await fetch(url, path())).toBe('downloaded');
    // The server can send no more than the kernel's buffers on both sides hold.
    expect(sent()).toBeLessThan(32 << 20);
  });

  it('that only ever announces an answer is given up', async () => {
    const { url } = await bare((socket) => {
      const timer = setInterval(() => socket.write('HTTP/1.1 103 Early Hints\r\n\r\n'), 20);
      socket.on('close', () => clearInterval(timer));
    });
    const error = await fetch(url, path());
    expect(error).toBeInstanceOf(DownloadError);
    expect((error as DownloadError).details.join()).toMatch(/keeps promising an answer/);
  });
});
