/** A server that plays a web hook: each path has a list of answers, the last of which repeats. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Received {
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export type WebAnswer = number | 'hang' | 'reset' | ((response: ServerResponse) => void);

export class WebHookServer {
  readonly received: Received[] = [];
  readonly #server: Server;
  readonly #scripts = new Map<string, WebAnswer[]>();

  constructor() {
    this.#server = createServer((request, response) => {
      let body = '';
      request.setEncoding('latin1').on('data', (text: string) => {
        body += text;
      });
      request.on('end', () => {
        const path = request.url ?? '';
        this.received.push({ path, headers: request.headers, body });
        this.#answer(path, response);
      });
    });
  }

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return this;
  }

  /** Address of a path that gives these answers, one after the other. */
  at(path: string, ...answers: WebAnswer[]): string {
    this.#scripts.set(path, answers);
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}${path}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer(path: string, response: ServerResponse): void {
    const script = this.#scripts.get(path) ?? [404];
    const now = (script.length > 1 ? script.shift() : script[0]) as WebAnswer;
    if (now === 'hang') return;
    if (now === 'reset') response.destroy();
    else if (typeof now === 'function') now(response);
    else response.writeHead(now).end();
  }
}
