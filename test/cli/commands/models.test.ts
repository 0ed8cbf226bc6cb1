import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { formatBytes } from '../../../src/base/text.ts';
import { cli, startCli } from '../../helpers/cli.ts';
import { FaultServer, sampleFile } from '../../helpers/fault-server.ts';
import { HubServer } from '../../helpers/hub-server.ts';
import { kinds, safetensors } from '../../helpers/safetensors.ts';

let hub: HubServer;
let home: string;
let env: NodeJS.ProcessEnv;
const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const weights = safetensors(kinds.sdxl);
const config = '{"_class_name": "x"}';

beforeAll(async () => {
  hub = await new HubServer().start();
});
afterAll(() => hub.stop());
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'vt-models-'));
  env = {
    PATH: process.env.PATH,
    HOME: home,
    VISIONTRAIN_HOME: home,
    HF_ENDPOINT: hub.url,
    HF_TOKEN: 'hf_topsecret',
    VISIONTRAIN_BACK_OFF: '0.01',
  };
  hub.repos.clear();
  hub.asked.length = 0;
  hub.tokens.length = 0;
  hub.put('me/small', 'small.safetensors', weights);
  hub.put('me/small', 'model_index.json', config);
});

/** A registry file of the person's own with one small model on the hub. */
function ownModel(sha256 = digest(weights), acceptance = false): void {
  const folder = join(home, 'config', 'models');
  mkdirSync(folder, { recursive: true });
  const source = (path: string) => `[{kind: hub, repo: me/small, revision: ${'a'.repeat(40)}, path: ${path}}]`;
  writeFileSync(
    join(folder, 'small.yaml'),
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
    license: {name: none, url: 'https://example.invalid', restrictions: Be nice., acceptance: ${acceptance}}
    files:
      - {path: small.safetensors, role: weights, bytes: ${weights.length}, sha256: ${sha256}, sources: ${source('small.safetensors')}}
      - {path: config/model_index.json, role: companion, bytes: ${config.length}, sha256: ${digest(Buffer.from(config))}, sources: ${source('model_index.json')}}
`,
  );
}

const json = (text: string) => JSON.parse(text) as Record<string, never>;

describe('models list and info', () => {
  it('lists the registry for people and as data', async () => {
    const { code, stdout } = await cli(['models', 'list'], env);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^tiny +sd15 +built in +Tiny/m);
    const data = json((await cli(['models', 'list', '--json'], env)).stdout) as unknown as {
      models: { id: string; ready: boolean }[];
    };
    expect(data.models.find(({ id }) => id === 'tiny')?.ready).toBe(true);
    expect(data.models.find(({ id }) => id === 'sdxl')?.ready).toBe(false);
  });

  it('shows one entry, its licence and where it comes from', async () => {
    const { stdout } = await cli(['models', 'info', 'noobai-vpred'], env);
    expect(stdout).toMatch(/v_prediction, zero terminal SNR/);
    expect(stdout).toMatch(/No commercial use/);
    expect(stdout).toMatch(/hub Laxhar\/noobai-XL-Vpred-1\.0 @ 66aa55e/);
  });

  it.each([
    [['models', 'info', 'sdlx'], /Did you mean sdxl\?/],
    [['models', 'lits'], /Did you mean visiontrain models list\?/],
    [['models', 'pull'], /Pull one model/],
    [['models', 'pull', 'https://example.invalid/x.safetensors'], /needs the SHA-256/],
    [['models', 'pull', 'sdxl', '--connections', '99'], /--connections is a number from 1 to 16/],
    [['models', 'pull', 'http://['], /is not an address/],
    [['models', 'add', 'http://['], /is not an address/],
    [['models', 'add', 'https://example.invalid/', '--sha256', 'a'.repeat(64)], /has no file name/],
    [['models', 'add', 'https://example.invalid/x.safetensors', '--sha256', 'XYZ'], /64 hexadecimal digits/],
    [['models', 'add', 'https://example.invalid/x.safetensors', '--token-env', 'NONE'], /that variable is empty/],
    [['models', 'add', 'me/small', '--id', '../../evil'], /An id has lower-case letters[\s\S]*--id evil/],
    [['models', 'add', 'me/small', '--id', 'sdxl'], /There is an entry sdxl already/],
    [['models', 'rm'], /Remove what\?/],
    [['models', 'rm', 'tiny'], /built in/],
  ])('%j is a usage error that says what to type', async (args, message) => {
    const { code, stdout, stderr } = await cli(args, env);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(message);
    expect(existsSync(join(home, 'config'))).toBe(false);
    expect(hub.asked).toEqual([]);
  });
});

describe('models pull', () => {
  it('fetches an entry with its companions, then has nothing left to do', async () => {
    ownModel();
    const first = await cli(['models', 'pull', 'small'], env);
    expect(first.code).toBe(0);
    const path = join(home, 'models', 'small', 'small.safetensors');
    expect(first.stdout).toBe(`${path}\n`);
    expect(readFileSync(path).equals(weights)).toBe(true);
    expect(readFileSync(join(home, 'models', 'small', 'config', 'model_index.json'), 'utf8')).toBe(config);
    expect(hub.tokens.every((token) => token === 'Bearer hf_topsecret')).toBe(true);
    expect(first.stdout + first.stderr).not.toContain('topsecret');
    const asked = hub.asked.length;
    expect((await cli(['models', 'pull', 'small'], env)).stderr).toContain('already here');
    expect(hub.asked.length).toBe(asked);
  });

  it('asks to accept a licence first, once', async () => {
    ownModel(undefined, true);
    const refused = await cli(['models', 'pull', 'small'], env);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(/Be nice\.[\s\S]*--accept-license/);
    expect(hub.asked).toEqual([]);
    expect((await cli(['models', 'pull', 'small', '--accept-license'], env)).code).toBe(0);
    await cli(['models', 'rm', 'small'], env);
    ownModel(undefined, true);
    expect((await cli(['models', 'pull', 'small'], env)).code).toBe(0);
  });

  it('fetches an address with a mirror, and tells its progress as JSON lines', async () => {
    const content = sampleFile(3 << 20);
    const [broken, mirror] = [await new FaultServer(content).start(), await new FaultServer(content).start()];
    broken.faults = [{ kind: '404', at: 0, times: Number.POSITIVE_INFINITY }];
    const out = join(home, 'x.safetensors');
    const { code, stdout, stderr } = await cli(
      [
        'models',
        'pull',
        broken.url,
        '--sha256',
        digest(content).toUpperCase(),
        '--mirror',
        mirror.url,
        '-o',
        out,
        '--json',
        '--token-env',
        'MINE',
      ],
      { ...env, MINE: 'secret-of-mine' },
    );
    await broken.stop();
    await mirror.stop();
    expect(code).toBe(0);
    expect(json(stdout)).toEqual({ path: out, sha256: digest(content), outcome: 'downloaded' });
    const events = stderr.trim().split('\n').map(json);
    expect(events.map((event) => event.stage)).toEqual(expect.arrayContaining(['downloading', 'verifying', 'done']));
    // The token belongs to the host of the first address, whatever its port.
    expect(broken.seen[0]?.authorization).toBe('Bearer secret-of-mine');
    expect(mirror.seen[0]?.authorization).toBeUndefined();
    expect(stdout + stderr).not.toContain('secret-of-mine');
  });

  it('checks for free space for all files of an entry before the first byte of any', async () => {
    const { bavail, bsize } = statfsSync(home);
    // The disk has room for each of the two files, but not for both.
    const bytes = Math.floor(0.6 * bavail * bsize);
    ownModel();
    const file = join(home, 'config', 'models', 'small.yaml');
    writeFileSync(file, readFileSync(file, 'utf8').replaceAll(/bytes: \d+/g, `bytes: ${bytes}`));
    const { code, stdout, stderr } = await cli(['models', 'pull', 'small'], env);
    expect([code, stdout]).toEqual([3, '']);
    expect(stderr).toMatch(/The disk is too full for Small \(2 files\)\./);
    expect(stderr).toContain(`${home}: ${formatBytes(2 * bytes + (64 << 20))} needed, `);
    expect(stderr).toMatch(/Free [\d.]+ [GT]B there, then run the same command again/);
    expect(hub.asked).toEqual([]);
    expect(existsSync(join(home, 'models', 'small'))).toBe(false);
  });

  it('ends with 4 and every reason when no source has it', async () => {
    ownModel();
    hub.repos.clear();
    const { code, stderr } = await cli(['models', 'pull', 'small'], env);
    expect(code).toBe(4);
    expect(stderr).toMatch(/could not be downloaded\.[\s\S]*answered 404: EntryNotFound[\s\S]*models check/);
  });
});

describe('models verify, rm and check', () => {
  it('tells how far all files of an entry are, never going back', async () => {
    ownModel();
    const { code, stderr } = await cli(['models', 'pull', 'small', '--json'], env);
    expect(code).toBe(0);
    const all = stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).all as { file: number; files: number; done: number; total: number });
    expect(all.at(-1)).toEqual({
      file: 2,
      files: 2,
      done: weights.length + config.length,
      total: weights.length + config.length,
    });
    expect(all.map(({ done }) => done)).toEqual(all.map(({ done }) => done).toSorted((a, b) => a - b));
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('keeps what it has at %s, ends with %i, and lists it wherever it is', async (signal, expected) => {
    const content = sampleFile(6 << 20);
    const server = await new FaultServer(content).start();
    server.limit = 2 << 20;
    const folder = mkdtempSync(join(tmpdir(), 'vt-elsewhere-'));
    writeFileSync(join(folder, 'mine.other'), 'not of visiontrain');
    writeFileSync(join(folder, 'mine.part'), 'not of visiontrain');
    const path = join(folder, 'model.safetensors');
    const { child, done } = startCli(['models', 'pull', server.url, '--sha256', digest(content), '-o', path], env);
    while (server.served < 3 << 20) await new Promise((resolve) => setTimeout(resolve, 10));
    child.kill(signal);
    const { code, stderr } = await done;
    await server.stop();
    expect(code).toBe(expected);
    expect(stderr).toContain('the same command goes on from there');
    const { partials } = JSON.parse((await cli(['models', 'list', '--json'], env)).stdout);
    expect(partials).toMatchObject([{ path: `${path}.part`, kind: 'unfinished', total: content.length, busy: false }]);
    expect(readdirSync(folder).length).toBe(4);
    await cli(['models', 'rm', '--partials'], env);
    expect(readdirSync(folder).sort()).toEqual(['mine.other', 'mine.part']);
  });

  it('finds a damaged file, moves it out of use, and pull mends it', async () => {
    ownModel();
    await cli(['models', 'pull', 'small'], env);
    const path = join(home, 'models', 'small', 'small.safetensors');
    expect((await cli(['models', 'verify'], env)).code).toBe(0);
    const spoilt = Buffer.from(weights);
    spoilt[weights.length - 1] = 1;
    writeFileSync(path, spoilt);
    const { code, stdout } = await cli(['models', 'verify', 'small', '--json'], env);
    expect(code).toBe(4);
    expect(stdout).toContain('"state": "wrong"');
    expect(existsSync(path)).toBe(false);
    expect((await cli(['models', 'pull', 'small'], env)).code).toBe(0);
    expect((await cli(['models', 'list'], env)).stdout).toMatch(/wrong hash/);
    await cli(['models', 'rm', '--partials'], env);
    expect(readdirSync(join(home, 'models', 'small')).sort()).toEqual(['config', 'small.safetensors']);
  });

  it('removes files and own entries', async () => {
    ownModel();
    await cli(['models', 'pull', 'small'], env);
    expect((await cli(['models', 'rm', 'small', '--json'], env)).code).toBe(0);
    expect(existsSync(join(home, 'models', 'small'))).toBe(false);
    expect((await cli(['models', 'info', 'small'], env)).code).toBe(2);
  });

  it('checks sources: good ones, changed ones, gone ones', async () => {
    ownModel();
    const good = await cli(['models', 'check', 'small', '--json'], env);
    expect([good.code, json(good.stdout).stale]).toEqual([0, 0]);
    expect(hub.asked.every((line) => line.startsWith('HEAD'))).toBe(true);
    hub.put('me/small', 'small.safetensors', sampleFile(weights.length));
    hub.repos.get('me/small')?.delete('model_index.json');
    const stale = await cli(['models', 'check', 'small'], env);
    expect(stale.code).toBe(4);
    expect(stale.stdout).toMatch(/^stale +small +small\.safetensors .*another file: SHA-256/m);
    expect(stale.stdout).toMatch(/^stale +small +config\/model_index\.json .*404/m);
  });
});

describe('surroundings', () => {
  it.each([
    ['add', ['models', 'add', 'me/small']],
    ['check', ['models', 'check', 'small']],
    ['pull', ['models', 'pull', 'small']],
  ])('%s touches no network in offline mode', async (_name, args) => {
    ownModel();
    const { code, stderr } = await cli(args, { ...env, VISIONTRAIN_OFFLINE: '1' });
    expect(code).toBe(4);
    expect(stderr).toMatch(/[oO]ffline mode is on[\s\S]*Unset VISIONTRAIN_OFFLINE/);
    expect(hub.asked).toEqual([]);
  });

  it.each(['mirror.example', 'ftp://mirror.example'])('HF_ENDPOINT=%s is refused in words', async (endpoint) => {
    const { code, stderr } = await cli(['models', 'pull', 'sdxl', '--accept-license'], {
      ...env,
      HF_ENDPOINT: endpoint,
    });
    expect([code, stderr]).toEqual([2, expect.stringContaining('HF_ENDPOINT must be an address')]);
  });

  it('two processes share a download; one may leave, one may die', async () => {
    const content = sampleFile(12 << 20);
    const server = await new FaultServer(content).start();
    // So slow that the download cannot end before the others have started, on a busy machine too.
    server.limit = 768 << 10;
    const path = join(home, 'm.safetensors');
    const pull = () =>
      startCli(['models', 'pull', server.url, '--sha256', digest(content), '-o', path, '--plain'], env);
    const says = async ({ child }: ReturnType<typeof pull>, words: string) => {
      let said = '';
      child.stderr?.on('data', (text: string) => {
        said += text;
      });
      while (!said.includes(words)) await new Promise((resolve) => setTimeout(resolve, 10));
    };
    const first = pull();
    while (server.served < 1 << 20) await new Promise((resolve) => setTimeout(resolve, 10));
    const second = pull();
    await says(second, `waiting for another visiontrain that fetches this file (process ${first.child.pid} on `);
    const third = pull();
    await says(third, 'waiting for');
    third.child.kill('SIGINT');
    expect((await third.done).code).toBe(130);
    first.child.kill('SIGKILL');
    await first.done;
    server.limit = undefined;
    const { code, stdout } = await second.done;
    expect([code, stdout]).toEqual([0, `${path}\n`]);
    expect(readFileSync(path).equals(content)).toBe(true);
    expect(readdirSync(home).filter((name) => name.includes('m.safetensors'))).toEqual(['m.safetensors']);
    expect(server.served).toBeLessThan(content.length + (3 << 20));
    await server.stop();
  });

  it.each([
    ['its claim', '.m.safetensors.claims', 0],
    ['its journal', 'm.safetensors.part.journal', 0],
    ['the partial file', 'm.safetensors.part', 3],
  ])('somebody removes %s while it is fetched', async (_what, name, expected) => {
    const content = sampleFile(6 << 20);
    const server = await new FaultServer(content).start();
    server.limit = 4 << 20;
    const path = join(home, 'm.safetensors');
    const pull = () => startCli(['models', 'pull', server.url, '--sha256', digest(content), '-o', path], env);
    const { done } = pull();
    while (server.served < 2 << 20) await new Promise((resolve) => setTimeout(resolve, 10));
    rmSync(join(home, name), { recursive: true });
    const { code, stderr } = await done;
    expect([code, stderr.includes('hit a bug')]).toEqual([expected, false]);
    expect((await pull().done).code).toBe(0);
    expect(readFileSync(path).equals(content)).toBe(true);
    await server.stop();
  });
});

describe('models add', () => {
  it('recognises a local checkpoint by its tensors and makes an entry to train on', async () => {
    const file = join(home, 'My Merge v2.safetensors');
    writeFileSync(file, safetensors({ ...kinds.sdxl, v_pred: [] }));
    const { code, stderr } = await cli(['models', 'add', file], env);
    expect(code).toBe(0);
    expect(stderr).toContain('Added my-merge-v2: sdxl, v_prediction.');
    const info = json((await cli(['models', 'info', 'my-merge-v2', '--json'], env)).stdout) as unknown as {
      path: string;
      recipe_set: string;
    };
    expect(info.path).toBe(file);
    expect(info.recipe_set).toBe('vpred');
    expect((await cli(['models', 'add', file], env)).stderr).toMatch(/in the registry as my-merge-v2/);
    await cli(['models', 'rm', 'my-merge-v2'], env);
    expect(existsSync(file)).toBe(true);
  });

  it('adds from a hub id without fetching the weights, pinned to the commit', async () => {
    const { code, stderr } = await cli(['models', 'add', 'me/small', '--like', 'illustrious', '--id', 'mine'], env);
    expect(stderr).toContain('Added mine: sdxl, epsilon');
    expect(code).toBe(0);
    const info = json((await cli(['models', 'info', 'mine', '--json'], env)).stdout) as unknown as {
      recipe_set: string;
      files: { sha256: string; sources: { revision: string }[] }[];
    };
    expect(info.recipe_set).toBe('illustrious');
    expect(info.files[0]?.sha256).toBe(digest(weights));
    expect(info.files[0]?.sources[0]?.revision).toBe(hub.commit);
  });

  describe('of a diffusers folder on the hub', () => {
    const folder = (scheduler: object) => {
      hub.put('me/folder', 'model_index.json', '{}');
      for (const part of ['unet', 'vae', 'text_encoder'])
        hub.put(
          'me/folder',
          `${part}/${part === 'text_encoder' ? 'model' : 'diffusion_pytorch_model'}.safetensors`,
          weights,
        );
      hub.put('me/folder', 'scheduler/scheduler_config.json', JSON.stringify(scheduler));
    };

    it('reads what its scheduler says of its predictions', async () => {
      folder({ _class_name: 'DDIMScheduler', prediction_type: 'v_prediction', rescale_betas_zero_snr: true });
      const { code, stderr } = await cli(['models', 'add', 'me/folder', '--id', 'folder'], env);
      expect([code, stderr]).toEqual([0, expect.stringContaining('Added folder: sd15, v_prediction.')]);
      expect(json((await cli(['models', 'info', 'folder', '--json'], env)).stdout)).toMatchObject({
        zero_terminal_snr: true,
      });
    });

    it('refuses a schedule that is not trained here', async () => {
      folder({ _class_name: 'EDMDPMSolverMultistepScheduler' });
      const { code, stderr } = await cli(['models', 'add', 'me/folder', '--id', 'edm'], env);
      expect([code, stderr]).toEqual([2, expect.stringContaining('a LoRA trained on it here would be wrong')]);
    });
  });

  it.each([
    ['/me/space/blob/main/my%20model.safetensors', 'me-space-my-model', 'my model.safetensors'],
    ['/me/small/tree/main', 'me-small-small', 'small.safetensors'],
    [`/me/small/tree/${'c'.repeat(40)}`, 'me-small-small', 'small.safetensors'],
    ['/me/small/resolve/main/small.safetensors?download=true', 'me-small-small', 'small.safetensors'],
  ])('adds from the link %s as a browser shows it', async (link, id, file) => {
    hub.put('me/space', 'my model.safetensors', weights);
    const { code, stderr } = await cli(['models', 'add', hub.url + link], env);
    expect(stderr).toContain(`Added ${id}: sdxl`);
    expect(code).toBe(0);
    const { files } = JSON.parse((await cli(['models', 'info', id, '--json'], env)).stdout);
    expect(files[0]).toMatchObject({ path: file, sources: [{ kind: 'hub', path: file, revision: hub.commit }] });
  });

  it('asks for the revision a link names', async () => {
    const gone = 'b'.repeat(40);
    const { code } = await cli(['models', 'add', `${hub.url}/me/small/resolve/${gone}/small.safetensors`], env);
    expect(code).toBe(4);
    expect(hub.asked).toEqual([`GET /api/models/me/small/revision/${gone}`]);
  });

  it('adds from an address, by a token that an entry names and never holds', async () => {
    const store = await new FaultServer(weights).start();
    const asked = await new FaultServer(weights).start();
    asked.signedBy = store;
    try {
      const address = `http://127.0.0.1:${asked.port}/my%20model.safetensors`;
      const args = ['models', 'add', address, '--sha256', digest(weights), '--token-env', 'MINE'];
      const added = await cli(args, { ...env, MINE: 'secret-of-mine' });
      expect([added.code, added.stderr]).toEqual([0, expect.stringContaining('Added my-model: sdxl')]);
      const file = join(home, 'config', 'models', 'my-model.yaml');
      expect(readFileSync(file, 'utf8')).not.toContain('secret');
      // Companions would come from the hub.
      writeFileSync(file, readFileSync(file, 'utf8').replace(/^ *companions:.*\n/m, ''));
      asked.signedBy = undefined;
      asked.faults = [{ kind: '401', at: 0, times: Number.POSITIVE_INFINITY }];
      const refused = await cli(['models', 'pull', 'my-model'], env);
      expect([refused.code, refused.stderr]).toEqual([4, expect.stringContaining('Set MINE to a token for 127.0.0.1')]);
      asked.faults = [];
      asked.signedBy = store;
      expect((await cli(['models', 'pull', 'my-model'], { ...env, MINE: 'secret-of-mine\n' })).code).toBe(0);
      const tokens = asked.seen.map(({ authorization }) => authorization);
      expect(new Set(tokens)).toEqual(new Set(['Bearer secret-of-mine', undefined]));
      expect(tokens.at(-1)).toBe('Bearer secret-of-mine');
      // The address is another host, although both servers run on this machine.
      expect(store.seen.length).toBeGreaterThan(1);
      expect(store.seen.map(({ authorization }) => authorization).filter((token) => token !== undefined)).toEqual([]);
    } finally {
      await asked.stop();
      await store.stop();
    }
  });

  it('leaves the registry readable when an entry cannot be written', async () => {
    const nonsense = Buffer.concat([Buffer.from([20, 0, 0, 0, 0, 0, 0, 0]), Buffer.from('{no JSON in this one}')]);
    hub.put('me/small', 'small.safetensors', nonsense);
    const { code, stderr } = await cli(['models', 'add', 'me/small'], env);
    expect([code, stderr]).toEqual([2, expect.stringContaining('its header cannot be read')]);
    expect((await cli(['models', 'list'], env)).code).toBe(0);
  });

  it.each([
    ['me/nothing', 4, /cannot be looked at/],
    ['/nowhere/x.safetensors', 2, /no file, no address and no hub id/],
    ['https://example.invalid/x.safetensors', 2, /needs the SHA-256/],
  ])('%s is refused in words', async (what, expected, message) => {
    const { code, stderr } = await cli(['models', 'add', what], env);
    expect(stderr).toMatch(message);
    expect(code).toBe(expected);
  });
});
