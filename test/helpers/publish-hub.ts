/** A real HTTP server that takes uploads as a Hugging Face hub does, and fails as a hub may. */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Step = 'whoami' | 'create' | 'info' | 'preupload' | 'batch' | 'put' | 'commit';
/**
 * What replaces the right answer: a status, a status with headers or a text, a connection cut in the middle, the page
 * of a portal in place of JSON, JSON of another shape, or the right answer, late.
 */
export type HubFault =
  | number
  | { readonly status: number; readonly error: string }
  /** Only in the batch: an answer of 200 that refuses each file, or one that wants each file in parts. */
  | { readonly refuse: number }
  | 'parts'
  | readonly [number, Readonly<Record<string, string>>]
  | 'drop'
  | 'page'
  | 'shape'
  | 'late';

export class PublishHub {
  readonly faults = new Map<Step, HubFault[]>();
  /** Files of each repository. */
  readonly repos = new Map<string, { private: boolean; files: Map<string, Buffer> }>();
  /** Large files by their SHA-256. */
  readonly large = new Map<string, Buffer>();
  /** Parts of large files that are not complete, by SHA-256 and number. */
  readonly #parts = new Map<string, Buffer[]>();
  readonly asked: Step[] = [];
  /** Authorization headers that were sent, by step. */
  readonly logins: (readonly [Step, string | undefined])[] = [];
  token = 'hf_right';
  readonly #server: Server = createServer((request, response) => void this.#answer(request, response));

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return this;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  get url(): string {
    return `http://localhost:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The storage of large files: another origin, as with the real hub. */
  get store(): string {
    return this.url.replace('localhost', '127.0.0.1');
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<unknown> {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://x').pathname);
    const step = stepOf(path);
    const parts: Buffer[] = [];
    for await (const part of request) {
      parts.push(part as Buffer);
      if (step === 'put' && this.faults.get('put')?.[0] === 'drop') {
        this.faults.get('put')?.shift();
        return request.socket.destroy();
      }
    }
    const body = Buffer.concat(parts);
    if (step === undefined) return response.writeHead(404).end();
    this.asked.push(step);
    this.logins.push([step, request.headers.authorization]);
    const fault = this.faults.get(step)?.shift();
    if (fault === 'drop') return request.socket.destroy();
    if (fault === 'page')
      return response.writeHead(200, { 'content-type': 'text/html' }).end('<html>Please log in to the Wi-Fi</html>');
    if (fault === 'shape') return json(response, { odd: [null] });
    if (fault === 'late') await new Promise((end) => setTimeout(end, 1500));
    const told = typeof fault === 'object' && 'error' in fault ? fault : undefined;
    if (told !== undefined) return json(response, { error: told.error }, told.status);
    if (step === 'batch' && (fault === 'parts' || (typeof fault === 'object' && 'refuse' in fault)))
      return this.batch(response, path, body, fault);
    if (typeof fault === 'number' || Array.isArray(fault)) {
      const [status, headers] = typeof fault === 'number' ? [fault, {}] : fault;
      return json(response, { error: `no: ${status}` }, status, headers);
    }
    if (step !== 'put' && request.headers.authorization !== `Bearer ${this.token}`)
      return json(response, { error: 'Invalid username or password.' }, 401);
    return this[step](response, path, body);
  }

  whoami(response: ServerResponse): void {
    json(response, { type: 'user', id: '1', name: 'ann', orgs: [], auth: { type: 'access_token' } });
  }

  create(response: ServerResponse, _path: string, body: Buffer): unknown {
    const { name, organization, visibility } = JSON.parse(body.toString());
    const repo = `${organization}/${name}`;
    if (this.repos.has(repo)) return json(response, { error: 'You already created this model repo' }, 409);
    this.repos.set(repo, { private: visibility === 'private', files: new Map() });
    return json(response, { url: `${this.url}/${repo}`, id: repo });
  }

  info(response: ServerResponse, path: string): unknown {
    const name = path.replace('/api/models/', '').replace('/revision/HEAD', '');
    const repo = this.repos.get(name);
    if (repo === undefined) return json(response, { error: 'Repository not found' }, 404);
    return json(response, {
      _id: '1',
      id: name,
      private: repo.private,
      downloads: 0,
      likes: 0,
      lastModified: '2026-01-01',
    });
  }

  preupload(response: ServerResponse, _path: string, body: Buffer): void {
    const { files } = JSON.parse(body.toString()) as { files: { path: string }[] };
    const uploadMode = (path: string) => (path.endsWith('.safetensors') ? 'lfs' : 'regular');
    json(response, { files: files.map(({ path }) => ({ path, uploadMode: uploadMode(path) })) });
  }

  batch(response: ServerResponse, _path: string, body: Buffer, how?: HubFault): void {
    const { objects } = JSON.parse(body.toString()) as { objects: { oid: string; size: number }[] };
    const answer = ({ oid, size }: { oid: string; size: number }) => {
      if (typeof how === 'object' && 'refuse' in how) return { error: { code: how.refuse, message: 'no room for it' } };
      if (this.large.has(oid)) return {};
      if (how !== 'parts') return { actions: { upload: { href: `${this.store}/store/${oid}` } } };
      const chunk = Math.ceil(size / 3);
      const parts = [1, 2, 3].map((part) => [String(part).padStart(5, '0'), `${this.store}/store/${oid}/${part}`]);
      const header = { chunk_size: String(chunk), ...Object.fromEntries(parts) };
      return { actions: { upload: { href: `${this.store}/store/${oid}/complete`, header } } };
    };
    json(response, { transfer: 'basic', objects: objects.map((each) => ({ ...each, ...answer(each) })) });
  }

  put(response: ServerResponse, path: string, body: Buffer): unknown {
    const [oid = '', part] = path.replace('/store/', '').split('/');
    if (part !== undefined && part !== 'complete') {
      const parts = this.#parts.get(oid) ?? [];
      parts[Number(part) - 1] = body;
      this.#parts.set(oid, parts);
      return response.writeHead(200, { etag: `"part-${part}"` }).end();
    }
    const told = part === undefined ? [] : (JSON.parse(body.toString()).parts as { etag: string }[]);
    if (told.some(({ etag }, i) => etag !== `"part-${i + 1}"`)) return json(response, { error: 'other parts' }, 400);
    const whole = part === undefined ? body : Buffer.concat(this.#parts.get(oid) ?? []);
    if (createHash('sha256').update(whole).digest('hex') !== oid) return json(response, { error: 'other bytes' }, 400);
    this.large.set(oid, whole);
    return json(response, {});
  }

  commit(response: ServerResponse, path: string, body: Buffer): void {
    const repo = this.repos.get(/^\/api\/models\/([^/]+\/[^/]+)\//.exec(path)?.[1] ?? '');
    for (const line of body.toString().split('\n')) {
      const { key, value } = JSON.parse(line);
      if (key === 'file') repo?.files.set(value.path, Buffer.from(value.content, value.encoding));
      if (key === 'lfsFile') repo?.files.set(value.path, this.large.get(value.oid) ?? Buffer.from('missing'));
    }
    json(response, { commitOid: 'c'.repeat(40), commitUrl: 'x', hookOutput: '' });
  }
}

function stepOf(path: string): Step | undefined {
  if (path === '/api/whoami-v2') return 'whoami';
  if (path === '/api/repos/create') return 'create';
  if (/^\/api\/models\/[^/]+\/[^/]+(\/revision\/HEAD)?$/.test(path)) return 'info';
  if (path.includes('/preupload/')) return 'preupload';
  if (path.endsWith('/info/lfs/objects/batch')) return 'batch';
  if (path.startsWith('/store/')) return 'put';
  return path.includes('/commit/') ? 'commit' : undefined;
}

function json(response: ServerResponse, value: unknown, status = 200, headers: object = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value));
}
