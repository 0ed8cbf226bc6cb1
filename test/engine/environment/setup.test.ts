import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { places } from '../../../src/base/paths.ts';
import { checkEnvironment, environmentDir, STAMP } from '../../../src/engine/environment/check.ts';
import { type Prover, proveDevice } from '../../../src/engine/environment/prove.ts';
import type { Requirements } from '../../../src/engine/environment/requirements.ts';
import { type SetupProgress, setupEnvironment } from '../../../src/engine/environment/setup.ts';
import { setupStorm } from '../../helpers/setup-storm.ts';
import { makeWheels, serveIndex, withoutUv, writeLock } from '../../helpers/wheels.ts';

// pip, venv and the wheels are real ones; only the packages are small.
const works = 'ones = 4\n';
const broken = 'raise ImportError("libtorch_cpu.so: cannot open shared object file")\n';

let dir: string;
let wheels: string;
let requirements: Requirements;
let env: NodeJS.ProcessEnv;
let seen: SetupProgress[];
const at = () => places(env);
/** Stands in for the proof of a device, which only a real torch passes: the package is imported in its environment. */
const importTorch: Prover = async ({ python }) => {
  const { status, stderr } = spawnSync(python, ['-I', '-c', 'import torch; assert torch.ones == 4'], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(stderr);
  return [{ check: 'see', ok: true, ms: 1 }];
};
const setup = (more: Partial<Parameters<typeof setupEnvironment>[0]> = {}) =>
  setupEnvironment({
    places: at(),
    requirements,
    env,
    signal: new AbortController().signal,
    onProgress: (progress) => seen.push(progress),
    prove: importTorch,
    ...more,
  });

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'vt-env-'));
  wheels = join(dir, 'wheels');
  seen = [];
  const hashes = makeWheels(wheels, [
    { name: 'alpha', version: '1.2.0', requires: ['beta'] },
    { name: 'beta', version: '0.3.1' },
  ]);
  makeWheels(wheels, [{ name: 'torch', version: '2.13.0+cpu', requires: ['alpha'], code: works }]);
  const lock = join(dir, 'requirements.lock');
  writeLock(lock, hashes, `gamma==9.9 ; python_full_version < '3.2' \\\n    --hash=sha256:${'0'.repeat(64)}\n`);
  requirements = { lock, torch: '2.13.0', build: 'cpu', index: 'http://127.0.0.1:9/none', bytes: 1 };
  env = {
    ...process.env,
    PATH: withoutUv(),
    VISIONTRAIN_HOME: join(dir, 'home'),
    PIP_CONFIG_FILE: '/dev/null',
    PIP_NO_INDEX: '1',
    PIP_FIND_LINKS: wheels,
    PIP_RETRIES: '0',
    // These settings are meant for other programs and must not mislead the installer.
    PYTHONPATH: join(dir, 'elsewhere'),
    PIP_TARGET: join(dir, 'elsewhere'),
    PIP_USER: '1',
  };
  for (const name of ['PIP_INDEX_URL', 'PIP_EXTRA_INDEX_URL']) delete env[name];
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

describe('setupEnvironment with pip', () => {
  it('can be interrupted, makes it once for two processes that ask at once, and is only examined from then on', async () => {
    const leave = new AbortController();
    const stopped = setup({ signal: leave.signal, onProgress: () => leave.abort(new Error('left')) });
    await expect(stopped).rejects.toThrow('left');
    expect(checkEnvironment(at(), requirements)).toBeUndefined();

    const [first, second] = await Promise.all([setup(), setup()]);
    expect(second).toEqual(first);
    expect(first).toMatchObject({ torch: '2.13.0+cpu', kind: 'own' });
    expect(seen.filter((p) => p.item === 'ready')).toEqual([{ item: 'ready', done: 3, total: 3 }]);
    const folder = environmentDir(at(), requirements);
    const lib = join(folder, 'lib');
    const site = join(lib, readdirSync(lib)[0] ?? '', 'site-packages');
    expect(readdirSync(site)).toEqual(expect.arrayContaining(['alpha', 'beta', 'torch']));
    expect(existsSync(join(dir, 'elsewhere'))).toBe(false);
    expect(JSON.parse(readFileSync(join(folder, STAMP), 'utf8'))).toMatchObject({
      installer: 'pip',
      torch: '2.13.0+cpu',
      proofs: [{ device: 'cpu', passed: ['see'] }],
    });

    // No program can be started with this PATH, which proves that none was.
    env = { ...env, PATH: '/nowhere' };
    expect(await setup()).toEqual(first);
    expect(checkEnvironment(at(), requirements)).toEqual(first);
    // Another lock file means another environment. A replaced Python makes an environment unfit.
    writeFileSync(requirements.lock, `${readFileSync(requirements.lock, 'utf8')}# newer\n`);
    expect(checkEnvironment(at(), requirements)).toBeUndefined();
  });

  it('notices a torch that does not work', async () => {
    makeWheels(wheels, [{ name: 'torch', version: '2.13.0+cpu', code: broken }]);
    await expect(setup({ prove: proveDevice })).rejects.toMatchObject({
      exitCode: 3,
      message: 'cpu failed the check "see".',
      details: expect.arrayContaining([expect.stringContaining('libtorch_cpu.so')]),
    });
    expect(checkEnvironment(at(), requirements)).toBeUndefined();
  });

  it('takes torch for CUDA by its hashes alone, and no other file of that name', async () => {
    for (const name of readdirSync(wheels).filter((file) => file.startsWith('torch-'))) rmSync(join(wheels, name));
    const right = makeWheels(wheels, [{ name: 'torch', version: '2.13.0', code: works }]);
    const torchLock = join(dir, 'cu130.lock');
    writeLock(
      torchLock,
      Object.fromEntries(Object.entries(right).filter(([file]) => file.startsWith('torch-2.13.0-'))),
    );
    requirements = { ...requirements, build: 'cu130', torchLock };
    makeWheels(wheels, [{ name: 'torch', version: '2.13.0', code: `${works}# another` }]);
    await expect(setup()).rejects.toMatchObject({
      exitCode: 3,
      message: expect.stringContaining('A package is not the one the lock names'),
    });
  });

  it('names the cause and the log when the index cannot be reached', async () => {
    delete env.PIP_NO_INDEX;
    env = { ...env, PIP_FIND_LINKS: '', PIP_INDEX_URL: 'http://127.0.0.1:9/simple', PIP_RETRIES: '1' };
    await expect(setup()).rejects.toMatchObject({
      exitCode: 3,
      message: expect.stringContaining('cannot be reached'),
      details: expect.arrayContaining([`Whole story: ${environmentDir(at(), requirements)}.log`]),
    });
    expect(checkEnvironment(at(), requirements)).toBeUndefined();
  });
});

describe('setupEnvironment from an index', () => {
  const large = () => {
    const folder = join(dir, 'large');
    const code = `# ${'a'.repeat(4_000_000)}\n`;
    writeLock(requirements.lock, makeWheels(folder, [{ name: 'alpha', version: '1.2.0', code }]));
    makeWheels(folder, [{ name: 'torch', version: '2.13.0+cpu', code: works }]);
    delete env.PIP_NO_INDEX;
    env = { ...env, PIP_FIND_LINKS: '', PIP_NO_CACHE_DIR: '1' };
    return folder;
  };

  it('says what to do where the connection broke half-way', async () => {
    const folder = large();
    const broken = await serveIndex(folder, (response, content) => {
      response.write(content.subarray(0, content.length / 2), () => response.destroy());
    });
    env = { ...env, PIP_INDEX_URL: broken.url };
    await expect(setup().finally(() => broken.close())).rejects.toMatchObject({
      exitCode: 3,
      // pip before 25.1 takes half a file for a whole one, and then checks its hash.
      message: expect.stringMatching(/its SHA-256 differs|broke off/),
      nextSteps: expect.arrayContaining([expect.stringContaining('ry again: visiontrain setup')]),
    });
    expect(checkEnvironment(at(), requirements)).toBeUndefined();
  });

  it('says how many bytes have come', async () => {
    const folder = large();
    const slow = await serveIndex(folder, async (response, content) => {
      for (let at = 0; at < content.length; at += 500_000) {
        response.write(content.subarray(at, at + 500_000));
        await pause(200);
      }
      response.end();
    });
    env = { ...env, PIP_INDEX_URL: slow.url };
    requirements = { ...requirements, index: slow.url, downloadBytes: 5_000_000 };
    await setup().finally(() => slow.close());
    const bytes = seen.flatMap((progress) => (progress.bytes === undefined ? [] : [progress.bytes]));
    expect(bytes.some(({ done, total }) => done > 0 && done < 4_000_000 && total === 5_000_000)).toBe(true);
    expect(readdirSync(at().envs).filter((name) => /\.(tmp|tool)$/u.test(name))).toEqual([]);
  });
});

describe('setupEnvironment that is killed', () => {
  it('ends ready, whenever it is killed, and leaves no process at work', async () => {
    const storm = await setupStorm(join(import.meta.dirname, '../../..'), [0.9, 2.3, 3.6]);
    expect(storm, JSON.stringify(storm, null, 1)).toMatchObject({ ready: true, left: [] });
  });
});

describe('setupEnvironment before it starts', () => {
  it('says that programs on its disk cannot be started', async () => {
    const mounts = `overlay / overlay rw 0 0\ntmpfs ${dir} tmpfs rw,nosuid,nodev,noexec,relatime 0 0\n`;
    await expect(setup({ mounts })).rejects.toMatchObject({
      exitCode: 3,
      message: expect.stringContaining('is mounted noexec'),
      nextSteps: expect.arrayContaining([expect.stringContaining('VISIONTRAIN_HOME')]),
    });
    expect(existsSync(environmentDir(at(), requirements))).toBe(false);
  });

  it('says how much disk space it needs', async () => {
    requirements = { ...requirements, bytes: 1e18 };
    await expect(setup()).rejects.toMatchObject({ exitCode: 3, message: expect.stringMatching(/needs .* are free/) });
  });

  it('says that its home cannot be written to', async () => {
    writeFileSync(join(dir, 'home'), 'a file where a folder should be');
    await expect(setup()).rejects.toMatchObject({
      exitCode: 3,
      message: expect.stringContaining('part of its path is a file'),
    });
  });
});
