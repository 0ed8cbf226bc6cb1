import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TorchBuild } from '../../../src/engine/environment/builds.ts';
import { pipInstaller } from '../../../src/engine/environment/tools/installer.ts';
import { findPython } from '../../../src/engine/environment/tools/python.ts';
import { runTool } from '../../../src/engine/environment/tools/tool.ts';
import { chooseTorch } from '../../../src/engine/environment/torch.ts';
import { makeWheels, serveIndex } from '../../helpers/wheels.ts';

let dir: string;
let wheels: string;
let env: NodeJS.ProcessEnv;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'vt-torch-'));
  wheels = join(dir, 'wheels');
  env = { ...process.env, PIP_CONFIG_FILE: '/dev/null', PIP_NO_INDEX: '1', PIP_FIND_LINKS: wheels, PIP_RETRIES: '0' };
  for (const name of ['PIP_INDEX_URL', 'PIP_EXTRA_INDEX_URL']) delete env[name];
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** The packages that this machine's real pip chooses for a build of PyTorch. */
async function choose(build: TorchBuild, index = 'http://127.0.0.1:9/none') {
  const { path: python } = await findPython(env, { needsVenv: true });
  const constraints = join(dir, 'constraints.txt');
  writeFileSync(constraints, '');
  return chooseTorch(
    { lock: '', torch: '2.13.0', build, index, ...(build === 'cpu' ? {} : { torchLock: '/cuda.lock' }), bytes: 0 },
    {
      installer: pipInstaller(env),
      python,
      constraints,
      run: (tool) => runTool(tool, { log: join(dir, 'log'), signal: new AbortController().signal }),
    },
  );
}
const cuda = { name: 'torch', version: '2.13.0', requires: ['filelock', 'nvidia-cublas ; platform_system == "Linux"'] };
const cpu = { name: 'torch', version: '2.13.0+cpu', requires: ['filelock'] };

describe('chooseTorch without a card', () => {
  it("takes the CPU build of the person's own sources, also beside a CUDA build", async () => {
    makeWheels(wheels, [cuda, { ...cuda, version: '2.13.0+cu130' }, cpu]);
    expect(await choose('cpu')).toEqual({ requirement: 'torch==2.13.0+cpu', source: {} });
  });

  it('takes a build without the name of a CPU build that requires no CUDA', async () => {
    makeWheels(wheels, [{ name: 'torch', version: '2.13.0', requires: ['filelock', 'nvidia-x ; extra == "gpu"'] }]);
    expect(await choose('cpu')).toEqual({ requirement: 'torch==2.13.0', source: {} });
  });

  it("takes PyTorch's index when they have only the CUDA build", async () => {
    makeWheels(wheels, [cuda]);
    makeWheels(join(dir, 'cpu'), [cpu]);
    const index = await serveIndex(join(dir, 'cpu'));
    try {
      delete env.PIP_NO_INDEX;
      env.PIP_INDEX_URL = `${index.url}-of-nothing`;
      expect(await choose('cpu', index.url)).toEqual({ requirement: 'torch==2.13.0', source: { index: index.url } });
    } finally {
      index.close();
    }
  });

  it('never falls back to the CUDA build', async () => {
    makeWheels(wheels, [cuda]);
    await expect(choose('cpu')).rejects.toMatchObject({
      exitCode: 3,
      message: 'No CPU build of torch 2.13.0 for this Python could be found.',
      details: [expect.stringContaining('has the CUDA build only'), expect.any(String)],
      nextSteps: expect.arrayContaining([expect.stringContaining('--wheels')]),
    });
  });
});

it('with a card the build of PyPI comes by its hashes, and from their own index only if it has the very same file', async () => {
  const locked = {
    requirement: 'torch==2.13.0',
    source: { constraints: join(dir, 'constraints.txt') },
    lock: '/cuda.lock',
  };
  makeWheels(wheels, [cuda]);
  expect(await choose('cu130')).toEqual(locked);
  // Builds for another CUDA, and a CPU build that an administrator put there, do not serve the card.
  makeWheels(wheels, [{ ...cuda, version: '2.13.0+cu126' }, cpu]);
  expect(await choose('cu130')).toEqual(locked);
  makeWheels(wheels, [{ ...cuda, version: '2.13.0+cu130' }]);
  expect(await choose('cu130')).toEqual({
    requirement: 'torch==2.13.0+cu130',
    source: { constraints: join(dir, 'constraints.txt') },
  });
});
