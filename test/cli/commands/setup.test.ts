import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { refuseForGiven, withTorch } from '../../../src/cli/commands/shared/fitting-build.ts';
import { STAMP } from '../../../src/engine/environment/check.ts';
import { environmentKey, requirementsFor } from '../../../src/engine/environment/requirements.ts';
import { cli, startCli } from '../../helpers/cli.ts';
import { silentIndex, withoutUv } from '../../helpers/wheels.ts';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'vt-setup-'));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

/** Processes whose command line names the folder. */
function processesOf(folder: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        return [readFileSync(`/proc/${pid}/cmdline`, 'utf8')];
      } catch {
        return [];
      }
    })
    .filter((line) => line.includes(folder));
}

describe.skipIf(!existsSync('/proc/self/cmdline'))('visiontrain setup', () => {
  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 143],
  ] as const)('ends at %s with %i, says how to go on, and leaves no installer behind', async (signal, expected) => {
    const index = await silentIndex();
    try {
      const env = { ...process.env, ...index.env, VISIONTRAIN_HOME: home, PATH: withoutUv() };
      const { child, done } = startCli(['setup'], env);
      await index.asked;
      expect(processesOf(home)).not.toEqual([]);
      child.kill(signal);
      const { code, stdout, stderr } = await done;
      expect(code).toBe(expected);
      expect(stdout).toBe('');
      expect(stderr).toMatch(/^Stopped\. What was fetched is kept; visiontrain setup goes on\.$/m);
      expect(processesOf(home)).toEqual([]);
    } finally {
      index.close();
    }
  });
});

describe.skipIf(!existsSync('/proc/self/cmdline'))('visiontrain setup while it looks for a Python', () => {
  it('ends at Ctrl-C and leaves none of what it started', async () => {
    const tools = join(home, 'tools');
    mkdirSync(tools);
    const begun = join(home, 'begun');
    for (const [name, text] of [
      ['uv', 'exit 1'],
      ['python3', `touch '${begun}'; sleep 300`],
    ] as const) {
      writeFileSync(join(tools, name), `#!/bin/sh\n${text}\n`);
      chmodSync(join(tools, name), 0o755);
    }
    const env = { ...process.env, VISIONTRAIN_HOME: home, PATH: `${tools}:/bin` };
    const { child, done } = startCli(['setup', '--torch', 'cpu'], env);
    while (!existsSync(begun)) await new Promise((resolve) => setTimeout(resolve, 50));
    child.kill('SIGINT');
    expect(await done).toMatchObject({ code: 130, stdout: '', stderr: expect.stringMatching(/^Stopped\./m) });
    expect(processesOf(tools)).toEqual([]);
  });
});

describe('visiontrain setup on a box with a card', () => {
  it('says which driver it takes, before anything is made or fetched', async () => {
    const tools = join(home, 'tools');
    mkdirSync(tools);
    writeFileSync(
      join(tools, 'nvidia-smi'),
      '#!/bin/sh\necho "0, GPU-1, NVIDIA GeForce RTX 3090, 24576, 24000, 535.183.01, 8.6"\n',
    );
    chmodSync(join(tools, 'nvidia-smi'), 0o755);
    const env = { ...process.env, VISIONTRAIN_HOME: join(home, 'vt'), PATH: `${tools}:${process.env.PATH}` };
    for (const name of ['VISIONTRAIN_PYTHON', 'CUDA_VISIBLE_DEVICES']) delete (env as NodeJS.ProcessEnv)[name];
    const { code, stdout, stderr } = await cli(['setup'], env);
    expect([code, stdout]).toEqual([3, '']);
    expect(stderr).toContain(
      'The NVIDIA driver 535.183.01 is too old for NVIDIA GeForce RTX 3090: update the driver to 580.',
    );
    expect(stderr).toContain('visiontrain setup --torch cpu');
    expect(existsSync(join(home, 'vt'))).toBe(false);
    const wrong = await cli(['setup', '--torch', 'cu118'], env);
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining('cu128    torch 2.10.0')]);
  });
});

describe('options that say how an environment is made', () => {
  it('are refused for a Python of the person, into which nothing is installed', async () => {
    const env = { ...process.env, VISIONTRAIN_HOME: join(home, 'vt'), VISIONTRAIN_PYTHON: '/of/mine/python' };
    const { code, stderr } = await cli(['setup', '--torch', 'foo'], env);
    expect([code, stderr]).toEqual([
      2,
      expect.stringContaining('--torch is for an environment that visiontrain makes'),
    ]);
    expect(stderr).toContain('Nothing is installed into /of/mine/python');
    for (const option of ['--wheels', '--force'])
      expect(() => refuseForGiven(env, [option])).toThrow(`${option} is for an environment`);
    expect(() => withTorch(env, 'cpu')).toThrow('VISIONTRAIN_PYTHON names yours');
    expect(withTorch(env, undefined)).toBe(env);
    expect(withTorch({}, 'cpu')).toEqual({ VISIONTRAIN_TORCH: 'cpu' });
  });
});

describe('visiontrain setup --wheels', () => {
  it('says which wheels of an extra the folder lacks before it makes or fetches anything', async () => {
    const folder = join(home, 'wheels');
    mkdirSync(folder);
    writeFileSync(join(folder, 'torch-2.13.0-py3-none-any.whl'), '');
    const env = { ...process.env, VISIONTRAIN_HOME: join(home, 'vt'), VISIONTRAIN_PYTHON: '' };
    const { code, stderr } = await cli(['setup', '--wheels', folder, '--captions'], env);
    expect(code).toBe(2);
    expect(stderr).toMatch(/wheels lacks \d+ wheels for --captions\./);
    expect(stderr).toMatch(/onnxruntime==/);
    expect(stderr).toContain('visiontrain setup --plan --captions');
    expect(existsSync(join(home, 'vt', 'envs'))).toBe(false);
  });
});

describe('visiontrain setup --list and --remove', () => {
  it('lists what is on the disk, and removes what this version does not use', async () => {
    const current = environmentKey(requirementsFor('cpu'));
    const old = '0123456789abcdef-cuda';
    for (const name of [current, old, `${old}.claims`, 'photos'])
      mkdirSync(join(home, 'envs', name), { recursive: true });
    const stamp = {
      key: current,
      base: '',
      python_version: '3.12.3',
      torch: '2.13.0+cpu',
      installer: 'uv',
      packages: 1,
      made_at: 1,
    };
    writeFileSync(join(home, 'envs', current, STAMP), JSON.stringify(stamp));
    writeFileSync(join(home, 'envs', old, 'libtorch.so'), 'x'.repeat(100_000));
    writeFileSync(join(home, 'envs', `${old}.log`), '');
    const env = { ...process.env, VISIONTRAIN_HOME: home };
    const list = async () => JSON.parse((await cli(['setup', '--list', '--json'], env)).stdout);
    expect(await list()).toMatchObject([
      { name: current, torch: '2.13.0+cpu', complete: true, current: true, busy: false },
      { name: old, torch: null, complete: false, current: false, bytes: expect.any(Number) },
    ]);
    expect((await cli(['setup', '--remove', 'photos'], env)).code).toBe(2);
    const removed = await cli(['setup', '--remove'], env);
    expect(removed).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/^Removed 0123456789abcdef-cuda: .* free again\./u),
    });
    expect(readdirSync(join(home, 'envs')).sort()).toEqual([current, 'photos'].sort());
    expect((await cli(['setup', '--remove', current], env)).code).toBe(0);
    expect(await list()).toEqual([]);
  });
});
