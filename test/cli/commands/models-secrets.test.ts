/** `models` with servers, entries and folders that are not to be trusted: what is sent, kept, shown and removed. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { withoutSecrets } from '../../../src/download/http/secrets.ts';
import { cli } from '../../helpers/cli.ts';
import { FaultServer } from '../../helpers/fault-server.ts';
import { kinds, safetensors } from '../../helpers/safetensors.ts';

const weights = safetensors(kinds.sdxl);
const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const closing: (() => unknown)[] = [];
let home: string;
let env: NodeJS.ProcessEnv;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'vt-secrets-'));
  env = { PATH: process.env.PATH, HOME: home, VISIONTRAIN_HOME: home, VISIONTRAIN_BACK_OFF: '0.01' };
});
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function serve(): Promise<FaultServer> {
  const server = await new FaultServer(weights).start();
  closing.push(() => server.stop());
  return server;
}

/** A hub that answers every request with the same document. */
async function answering(document: unknown): Promise<string> {
  const server = createServer((_request, response) =>
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(document)),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const ownFile = () => join(home, 'config', 'models', 'small.yaml');

/** An entry of the person's own whose weights are at `source`. */
function entry(source: string): void {
  mkdirSync(join(home, 'config', 'models'), { recursive: true });
  writeFileSync(
    ownFile(),
    `version: 1
models:
  - id: small
    title: Small
    summary: for tests
    family: sdxl
    resolution: 1024
    layout: single_file
    recipe_set: sdxl
    caption_style: tags
    guidance: any
    license: {name: none, url: 'https://me:hunter2@example.invalid/x?token=abcdef', restrictions: '', acceptance: false}
    files:
      - {path: small.safetensors, role: weights, bytes: ${weights.length}, sha256: ${digest(weights)}, sources: [${source}]}
`,
  );
}

describe('a secret in an address', () => {
  it.each([
    ['https://me:pw@h.example/m.safetensors?download=true', 'https://h.example/m.safetensors?download=true'],
    ['https://h.example/m?id=42&access_token=x', 'https://h.example/m?id=42'],
    ['https://h.example/m?X-Amz-Signature=x&X-Amz-Credential=y&v=2', 'https://h.example/m?v=2'],
    ['https://h.example/m?sv=1&sp=r&sig=2&name=a', 'https://h.example/m?name=a'],
    ['https://h.example/m?k=9f86d081884c7d659a2feaa0', 'https://h.example/m'],
    ['https://h.example/m?pw=hunter2#t', 'https://h.example/m'],
    ['https://h.example/m?type=Model&format=SafeTensor&file=my-merge-2.safetensors', undefined],
    ['https://h.example/m', undefined],
  ])('%s is kept as %s', (given, kept) => {
    expect(withoutSecrets(given).url).toBe(kept ?? given);
  });

  it('is neither kept nor shown by models add, and the message says so where the secret is needed', async () => {
    const server = await serve();
    const address = `http://me:hunter2@127.0.0.1:${server.port}/model.safetensors?token=abcdef&v=2`;
    const args = ['models', 'add', address, '--sha256', digest(weights), '--id', 'small'];
    const { code, stderr } = await cli(args, env);
    expect([code, stderr]).toEqual([0, expect.stringContaining('Not kept in it')]);
    expect(stderr).toContain('the login before the @, ?token=.');
    const shown = [
      stderr,
      readFileSync(ownFile(), 'utf8'),
      (await cli(['models', 'info', 'small', '--json'], env)).stdout,
      (await cli(['models', 'list', '--json'], env)).stdout,
    ].join('\n');
    expect(shown).not.toMatch(/hunter2|abcdef/);
    expect(shown).toContain('?v=2');
    expect(statSync(ownFile()).mode & 0o777).toBe(0o600);
    // No token is sent, so the files that are kept must suffice.
    expect(server.seen.every(({ authorization }) => authorization === undefined)).toBe(true);

    server.faults = [{ kind: '401', at: 0, times: Number.POSITIVE_INFINITY }];
    const refused = await cli([...args.slice(0, -1), 'other'], env);
    expect([refused.code, refused.stderr]).toEqual([4, expect.stringContaining('--token-env NAME')]);
    expect(refused.stderr).not.toMatch(/hunter2|abcdef/);
  });

  it('in an entry written by hand is not shown', async () => {
    entry(`{kind: url, url: 'https://me:hunter2@example.invalid/x.safetensors?token=abcdef'}`);
    for (const args of [
      ['info', 'small'],
      ['info', 'small', '--json'],
      ['list', '--json'],
    ])
      expect((await cli(['models', ...args], env)).stdout).not.toMatch(/hunter2|abcdef/);
  });

  it('in HF_ENDPOINT opens the hub, and is not kept or shown', async () => {
    const hub = await answering({
      sha: 'c'.repeat(40),
      siblings: [
        { rfilename: 'model_index.json', lfs: { sha256: digest(Buffer.from('{}')), size: 2 } },
        { rfilename: 'unet/m.safetensors', lfs: { sha256: digest(weights), size: 9 } },
      ],
    });
    const at = { ...env, HF_ENDPOINT: `http://me:hunter2@${hub}` };
    const { code } = await cli(['models', 'add', 'me/small', '--id', 'small'], at);
    expect(code).toBe(0);
    expect(readFileSync(ownFile(), 'utf8')).toContain(`url: http://${hub}/me/small`);
    expect(readFileSync(ownFile(), 'utf8')).not.toContain('hunter2');
    const wrong = await cli(['models', 'add', 'me/small'], { ...env, HF_ENDPOINT: 'me:hunter2@mirror' });
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining('HF_ENDPOINT must be an address')]);
    expect(wrong.stderr).not.toContain('hunter2');
    const pulled = await cli(['models', 'pull', 'http://me:hunter2@['], env);
    expect([pulled.code, pulled.stderr]).toEqual([2, expect.not.stringContaining('hunter2')]);
  });
});

describe('an entry that names a variable as its token', () => {
  it('gets it only after the person has said so, for that server only', async () => {
    const server = await serve();
    const secret = { ...env, AWS_SECRET: 'hunter2' };
    entry(`{kind: url, url: 'http://127.0.0.1:${server.port}/x.safetensors', token_env: AWS_SECRET}`);
    server.faults = [{ kind: '401', at: 0, times: 2 }];
    const refused = await cli(['models', 'pull', 'small'], secret);
    expect([refused.code, refused.stderr]).toEqual([
      4,
      expect.stringMatching(/names the variable AWS_SECRET for 127[\s\S]*models pull ID --token-env AWS_SECRET/),
    ]);
    expect((await cli(['models', 'check', 'small'], secret)).stderr).not.toContain('hunter2');
    expect(server.seen.every(({ authorization }) => authorization === undefined)).toBe(true);

    const other = await cli(['models', 'pull', 'small', '--token-env', 'HOME'], secret);
    expect([other.code, other.stderr]).toEqual([2, expect.stringContaining('names no address that takes HOME')]);
    expect((await cli(['models', 'pull', 'small', '--token-env', 'AWS_SECRET'], secret)).code).toBe(0);
    expect(server.seen.at(-1)?.authorization).toBe('Bearer hunter2');
    expect(readFileSync(join(home, 'state', 'token-hosts.json'), 'utf8')).not.toContain('hunter2');

    // The entry keeps its name, but now points to another server.
    const thief = await serve();
    entry(`{kind: url, url: 'http://127.0.0.1:${thief.port}/x.safetensors', token_env: AWS_SECRET}`);
    await cli(['models', 'rm', 'small', '--partials'], secret);
    entry(`{kind: url, url: 'http://127.0.0.1:${thief.port}/x.safetensors', token_env: AWS_SECRET}`);
    expect((await cli(['models', 'pull', 'small'], secret)).code).toBe(0);
    expect(thief.seen.every(({ authorization }) => authorization === undefined)).toBe(true);
  });
});

describe('an odd answer of a hub', () => {
  const commit = 'c'.repeat(40);
  const good = { rfilename: 'm.safetensors', lfs: { sha256: digest(weights), size: weights.length } };
  it.each<[string, unknown]>([
    ['null', null],
    ['a list', []],
    ['files that are no list', { sha: commit, siblings: 5 }],
    ['a file that is nothing', { sha: commit, siblings: [null] }],
    ['a name that is a number', { sha: commit, siblings: [{ rfilename: 7 }] }],
    ['a commit that is none', { sha: 12, siblings: [good] }],
    ['a short commit', { sha: 'abc', siblings: [good] }],
    ['a size below zero', { sha: commit, siblings: [{ ...good, lfs: { ...good.lfs, size: -1 } }] }],
    ['a size no file has', { sha: commit, siblings: [{ ...good, lfs: { ...good.lfs, size: 9e17 } }] }],
    ['a file of no bytes', { sha: commit, siblings: [{ ...good, lfs: { ...good.lfs, size: 0 } }] }],
    ['a hash that is none', { sha: commit, siblings: [{ ...good, lfs: { ...good.lfs, sha256: 'x' } }] }],
    ['a name that leads out', { sha: commit, siblings: [{ ...good, rfilename: '..\\m.safetensors' }] }],
    ['a header of nonsense', { sha: commit, siblings: [good] }],
  ])('%s ends in words', async (name, document) => {
    const { code, stderr } = await cli(['models', 'add', 'me/small'], {
      ...env,
      HF_ENDPOINT: `http://${await answering(document)}`,
    });
    expect(stderr).not.toMatch(/hit a bug/);
    expect([code, stderr]).toEqual([name.startsWith('a header') ? 2 : 4, expect.stringMatching(/^✖ /)]);
    expect(existsSync(join(home, 'config'))).toBe(false);
  });

  it('that lists thousands of small files is not followed', async () => {
    let asked = 0;
    const siblings = ['model_index.json', ...Array.from({ length: 3000 }, (_, i) => `unet/${i}.json`)];
    const document = JSON.stringify({ sha: commit, siblings: siblings.map((rfilename) => ({ rfilename })) });
    const server = createServer((_request, response) => {
      asked += 1;
      response.end(document);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closing.push(() => server.close());
    const HF_ENDPOINT = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const { code, stderr } = await cli(['models', 'add', 'me/small'], { ...env, HF_ENDPOINT });
    expect([code, stderr]).toEqual([4, expect.stringContaining('lists 3001 files for this model')]);
    expect(asked).toBe(1);
  });

  it.each<[string, unknown]>([
    ['files that are no list', { modelId: 1, files: 'x' }],
    ['a name that is a number', { modelId: 1, files: [{ name: 5 }] }],
    ['nothing', null],
  ])('of Civitai: %s', async (_name, document) => {
    const { readVersion } = await import('../../../src/registry/hub/civitai.ts');
    expect(() => readVersion(document, 'civitai.com')).toThrow(/civitai\.com sent a description/);
  });
});

describe('models rm', () => {
  it('leaves a model alone that a run still needs, unless told to', async () => {
    entry(`{kind: url, url: 'http://127.0.0.1:9/x.safetensors'}`);
    const folder = join(home, 'models', 'small');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'small.safetensors'), weights);
    const run = join(home, 'runs', 'portrait');
    mkdirSync(run, { recursive: true });
    const plan = { model: { name: 'mine', path: '/my/model', config_dir: join(folder, 'config'), vae_path: null } };
    writeFileSync(join(run, 'plan.json'), JSON.stringify(plan));
    const refused = await cli(['models', 'rm', 'small'], env);
    expect([refused.code, refused.stderr]).toEqual([
      2,
      expect.stringMatching(/needed by 1 run; nothing was removed[\s\S]*portrait \(created[\s\S]*--force/),
    ]);
    expect(existsSync(folder) && existsSync(ownFile())).toBe(true);
    const forced = await cli(['models', 'rm', 'small', '--force'], env);
    expect(forced.code).toBe(0);
    expect(existsSync(folder)).toBe(false);
  });
});

describe('a download folder of an earlier command', () => {
  it('is one row when it cannot be read any more', () => {
    const user = process.getuid?.() === 0 ? { uid: 65_532, gid: 65_532 } : {};
    // The other user must be able to reach the test's files below this folder.
    if (user.uid !== undefined && tmpdir() !== '/tmp') chmodSync(tmpdir(), 0o711);
    const closed = mkdtempSync(join(tmpdir(), 'vt-closed-'));
    const inside = join(mkdtempSync(join(tmpdir(), 'vt-closed-')), 'inside');
    mkdirSync(inside);
    mkdirSync(join(home, 'state'));
    writeFileSync(join(home, 'state', 'download-folders.json'), JSON.stringify([closed, inside]));
    for (const path of [home, join(home, 'state'), join(home, 'state', 'download-folders.json'), closed])
      if (user.uid !== undefined) chownSync(path, user.uid, user.gid);
    chmodSync(closed, 0o000);
    chmodSync(join(inside, '..'), 0o000);
    closing.push(() => {
      chmodSync(closed, 0o700);
      chmodSync(join(inside, '..'), 0o700);
    });
    const bin = join(import.meta.dirname, '../../../bin/visiontrain');
    const list = (...more: string[]) =>
      spawnSync(process.execPath, [bin, 'models', 'list', ...more], { env, ...user, cwd: '/', encoding: 'utf8' });
    const { status, stdout, stderr } = list();
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^tiny +sd15/m);
    expect(stdout).toMatch(new RegExp(`^cannot be read .*${closed}`, 'm'));
    const { partials } = JSON.parse(list('--json').stdout);
    expect(partials.map(({ path, kind }: { path: string; kind: string }) => [path, kind])).toEqual([
      [closed, 'unreadable'],
      [inside, 'unreadable'],
    ]);
  });
});
