/**
 * A real HTTP server that answers like a Hugging Face hub and Civitai's API, as far as downloads and checks ask them.
 */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export class HubServer {
  /** `owner/name` → path → bytes. */
  readonly repos = new Map<string, Map<string, Buffer>>();
  /** Documents of Civitai versions, by number. */
  readonly versions = new Map<number, unknown>();
  /** Documents of Civitai models, by number; below, the files behind download addresses, by version. */
  readonly models = new Map<number, unknown>();
  readonly downloads = new Map<number, Buffer>();
  readonly commit = 'c'.repeat(40);
  readonly asked: string[] = [];
  readonly tokens: (string | undefined)[] = [];
  #server: Server = createServer((request, response) => void this.#answer(request, response));

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return this;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  put(repo: string, path: string, bytes: Buffer | string): void {
    const files = this.repos.get(repo) ?? new Map<string, Buffer>();
    files.set(path, Buffer.from(bytes));
    this.repos.set(repo, files);
  }

  #answer(request: IncomingMessage, response: ServerResponse): unknown {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://x').pathname);
    this.asked.push(`${request.method} ${path}`);
    this.tokens.push(request.headers.authorization);
    const listing = /^\/api\/(?:models\/)?((?:datasets\/)?[^/]+\/[^/]+)\/revision\/(?:main|c{40})$/.exec(path)?.[1];
    const version = /^\/api\/v1\/model-versions\/(\d+)$/.exec(path)?.[1];
    const model = /^\/api\/v1\/models\/(\d+)$/.exec(path)?.[1];
    const download = /^\/api\/download\/models\/(\d+)$/.exec(path)?.[1];
    const file = /^\/((?:datasets\/)?[^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(path);
    if (listing !== undefined) return this.#json(response, this.#listing(listing));
    if (version !== undefined) return this.#json(response, this.versions.get(Number(version)));
    if (model !== undefined) return this.#json(response, this.models.get(Number(model)));
    const bytes = this.downloads.get(Number(download)) ?? this.repos.get(file?.[1] ?? '')?.get(file?.[3] ?? '');
    if (bytes === undefined) return response.writeHead(404, { 'x-error-code': 'EntryNotFound' }).end();
    const range = /^bytes=(\d+)-(\d+)?$/.exec(request.headers.range ?? '');
    const from = Number(range?.[1] ?? 0);
    const to = Math.min(bytes.length, range?.[2] === undefined ? bytes.length : Number(range[2]) + 1);
    response.writeHead(range === null ? 200 : 206, {
      'content-length': to - from,
      'x-repo-commit': this.commit,
      ...(large(file?.[3] ?? '') ? { 'x-linked-etag': `"${digest(bytes)}"`, 'x-linked-size': bytes.length } : {}),
      ...(range === null ? {} : { 'content-range': `bytes ${from}-${to - 1}/${bytes.length}` }),
    });
    return response.end(request.method === 'HEAD' ? undefined : bytes.subarray(from, to));
  }

  #listing(repo: string): unknown {
    const files = this.repos.get(repo);
    if (files === undefined) return undefined;
    const siblings = [...files].map(([rfilename, bytes]) => ({
      rfilename,
      size: bytes.length,
      blobId: createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex'),
      ...(large(rfilename) ? { lfs: { sha256: digest(bytes), size: bytes.length } } : {}),
    }));
    return { id: repo, sha: this.commit, siblings };
  }

  #json(response: ServerResponse, document: unknown): void {
    response.writeHead(document === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(document === undefined ? '{}' : JSON.stringify(document));
  }
}

const large = (path: string) => /^large\/|\.(safetensors|parquet|zip)$/u.test(path);
const digest = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
