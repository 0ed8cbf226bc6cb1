import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

export interface WheelSpec {
  readonly name: string;
  readonly version: string;
  readonly requires?: readonly string[];
  readonly code?: string;
}

/** Makes real wheels in a folder; returns SHA-256 by file name. */
export function makeWheels(folder: string, wheels: readonly WheelSpec[]): Record<string, string> {
  const script = join(import.meta.dirname, '../fixtures/make-wheels.py');
  return JSON.parse(execFileSync('python3', [script, folder], { input: JSON.stringify(wheels), encoding: 'utf8' }));
}

/** Writes a lock file over some wheels like uv's; `tail` is appended unchanged. */
export function writeLock(path: string, hashes: Readonly<Record<string, string>>, tail = ''): void {
  const rows = Object.entries(hashes).map(([file, hash]) => {
    const [name, version] = file.split('-');
    return `${name}==${version} \\\n    --hash=sha256:${hash}\n`;
  });
  writeFileSync(path, `# a lock\n${rows.join('')}${tail}`);
}

/** Serves the wheels of a folder as a package index over HTTP, and records the requests. */
export async function serveIndex(
  folder: string,
  /** Sends a file in another way than at once. */
  send: (response: ServerResponse, content: Buffer) => void = (response, content) => response.end(content),
): Promise<{ url: string; asked: string[]; close: () => void }> {
  const asked: string[] = [];
  const server: Server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? '');
    asked.push(path);
    const file = readdirSync(folder).find((name) => path === `/files/${name}`);
    if (file !== undefined) {
      const content = readFileSync(join(folder, file));
      response.setHeader('content-length', content.length);
      send(response, content);
      return;
    }
    const project = /^\/simple\/([^/]+)\/$/.exec(path)?.[1];
    const files = readdirSync(folder).filter((name) => name.split('-')[0] === project);
    response.statusCode = project !== undefined && files.length > 0 ? 200 : 404;
    response.setHeader('content-type', 'text/html');
    response.end(files.map((name) => `<a href="/files/${encodeURIComponent(name)}">${name}</a>`).join('\n'));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/simple`, asked, close: () => server.close() };
}

/** PATH without uv, so that the set-up uses pip, which works everywhere. */
export function withoutUv(path = process.env.PATH ?? ''): string {
  return path
    .split(':')
    .filter((folder) => !existsSync(join(folder, 'uv')))
    .join(':');
}

/** A package index that accepts requests and never answers, and the variables that make pip ask it. */
export async function silentIndex(): Promise<{
  env: Record<string, string>;
  /** Resolves when the first request has come. */
  asked: Promise<void>;
  close: () => void;
}> {
  let first = (): void => undefined;
  const asked = new Promise<void>((resolve) => {
    first = resolve;
  });
  const server = createServer(() => first());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    env: {
      PIP_CONFIG_FILE: '/dev/null',
      PIP_INDEX_URL: `http://127.0.0.1:${port}/simple`,
      PIP_EXTRA_INDEX_URL: '',
      PIP_FIND_LINKS: '',
    },
    asked,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
