/** Serves a page to this machine alone, and notifies open pages when there is something new. */
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Served {
  /** Address of the page. It contains a secret, since other users of this machine can reach the port too. */
  readonly url: string;
  readonly port: number;
  /** Makes the open pages load again. */
  changed(): void;
  close(): Promise<void>;
}

export interface ServeOptions {
  /** The port; with 0 the system chooses one. */
  readonly port: number;
  /** Makes the page at each request. */
  readonly page: () => string;
}

/** Milliseconds between signs of life to an open page, so that no proxy closes its connection. */
const ALIVE_MS = 20_000;

/**
 * Starts the server.
 * @throws the system's error when the port is taken
 */
export async function servePage({ port, page }: ServeOptions): Promise<Served> {
  const secret = randomBytes(12).toString('base64url');
  const open = new Set<ServerResponse>();
  const server = createServer((request, response) => {
    const path = isLocal(request) ? request.url : undefined;
    if (request.method !== 'GET') return end(response, 405);
    if (path === `/${secret}/`) return send(response, page());
    if (path === `/${secret}/events`) return follow(response, open);
    return end(response, 404);
  });
  await listen(server, port);
  const chosen = (server.address() as AddressInfo).port;
  const alive = setInterval(() => tell(open, ': alive\n\n'), ALIVE_MS);
  alive.unref();
  return {
    url: `http://127.0.0.1:${chosen}/${secret}/`,
    port: chosen,
    changed: () => tell(open, 'data: changed\n\n'),
    close: () =>
      new Promise((resolve) => {
        clearInterval(alive);
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/**
 * Whether a request is for this machine: another name in `Host` means a page elsewhere that uses DNS to reach this
 * server.
 */
function isLocal({ headers: { host = '' } }: IncomingMessage): boolean {
  return /^(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?$/u.test(host);
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
}

const HEADERS = {
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Resource-Policy': 'same-origin',
};

function send(response: ServerResponse, text: string): void {
  response.writeHead(200, { ...HEADERS, 'Content-Type': 'text/html; charset=utf-8' }).end(text);
}

function end(response: ServerResponse, status: number): void {
  response.writeHead(status, HEADERS).end();
}

function follow(response: ServerResponse, open: Set<ServerResponse>): void {
  response.writeHead(200, { ...HEADERS, 'Content-Type': 'text/event-stream' }).write('retry: 2000\n\n');
  open.add(response);
  response.once('close', () => open.delete(response));
}

function tell(open: ReadonlySet<ServerResponse>, text: string): void {
  for (const response of open) response.write(text);
}
