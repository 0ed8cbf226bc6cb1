/**
 * Sets up an environment as `visiontrain setup` does: `node setup-worker.ts FILE`, where FILE is JSON with the folder
 * of data, the requirements and the variables. The packages are small, and the proof is an import of torch.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { places } from '../../src/base/paths.ts';
import type { Requirements } from '../../src/engine/environment/requirements.ts';
import { setupEnvironment } from '../../src/engine/environment/setup.ts';

const { env, requirements } = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as {
  env: NodeJS.ProcessEnv;
  requirements: Requirements;
};
const made = await setupEnvironment({
  places: places(env),
  requirements,
  env,
  signal: new AbortController().signal,
  onProgress: () => undefined,
  prove: async ({ python }) => {
    const { status, stderr } = spawnSync(python, ['-I', '-c', 'import torch, alpha, beta'], { encoding: 'utf8' });
    if (status !== 0) throw new Error(stderr);
    return [{ check: 'see', ok: true, ms: 1 }];
  },
});
process.stdout.write(JSON.stringify(made));
