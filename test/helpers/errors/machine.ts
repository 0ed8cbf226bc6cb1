/** Errors of the machine, its Python and its cards, each as it really comes. */
import { join } from 'node:path';
import type { machineErrors } from '../../../src/base/error-entries/machine.ts';
import { boxBuild } from '../../../src/engine/environment/box.ts';
import { EXTRAS } from '../../../src/engine/environment/extras.ts';
import { givenEnvironment } from '../../../src/engine/environment/given.ts';
import { refuseMissingWheels } from '../../../src/engine/environment/offline/extra-wheels.ts';
import { lockedFor } from '../../../src/engine/environment/packages/locked.ts';
import { proveDevice } from '../../../src/engine/environment/prove.ts';
import { requirementsFor } from '../../../src/engine/environment/requirements.ts';
import { installFailure } from '../../../src/engine/environment/tools/failure.ts';
import { findPython } from '../../../src/engine/environment/tools/python.ts';
import { chooseTorch } from '../../../src/engine/environment/torch.ts';
import { chooseCards } from '../../../src/engine/hardware/cards.ts';
import { startTrainer } from '../../../src/engine/supervisor/trainer-process.ts';
import { boxes, systemOf } from '../boxes.ts';
import { crashed, type Sample, type Scene } from './scene.ts';
import type { TrainerId } from './trainer.ts';

const LOG = '/home/me/.local/share/visiontrain/envs/cu130.log';

/** A Python that answers every call with these lines. */
const python = (scene: Scene, name: string, script: string): string => {
  scene.program(name, script);
  return join(scene.home.dir, 'bin', name);
};

export const machineSamples: Readonly<Record<Exclude<keyof typeof machineErrors, TrainerId>, Sample>> = {
  'environment/setup': () =>
    installFailure(
      'Installing PyTorch',
      [
        'WARNING: Retrying (Retry(total=0)) after connection broken',
        "ERROR: Could not install packages due to an OSError: HTTPSConnectionPool(host='pypi.org', port=443): Max retries exceeded",
      ],
      LOG,
    ),
  'environment/wheels-missing': (scene) => {
    const folder = scene.folder('wheels');
    scene.hide(folder, '/media/stick/wheels');
    return refuseMissingWheels([EXTRAS.heif], folder, { python: '3.12.3', system: 'linux', machine: 'x86_64' });
  },
  'environment/no-python': ({ env }) => findPython(env, { needsVenv: true }),
  'environment/broken-python': () =>
    lockedFor('/usr/bin/python3', requirementsFor('cpu').lock, {}, async () => ({
      code: 1,
      stdout: '',
      tail: ["ModuleNotFoundError: No module named 'encodings'"],
    })),
  'environment/given-python': (scene) => {
    const found = { python: '3.9.2', found: { torch: '2.1.0', diffusers: null } };
    const path = python(scene, 'own-python', `echo '${JSON.stringify(found)}'`);
    scene.hide(path, '/data/venv/bin/python');
    return givenEnvironment(path, { ...scene.env, VISIONTRAIN_PYTHON: path });
  },
  'environment/kept': (scene) => scene.type(['setup', '--remove', 'cu118']),
  'environment/no-build': (scene) => {
    const box = boxes().find(({ expect }) => expect.stop !== undefined);
    if (box === undefined) throw new Error('no machine that no build fits');
    return boxBuild({ places: scene.places, env: box.env, system: systemOf(box) }, {});
  },
  'environment/proof': (scene) => {
    const path = python(
      scene,
      'torch-python',
      `echo '{"check": "matmul", "ok": false, "ms": 3, "error": "CUDA out of memory. Tried to allocate 20.00 MiB"}'; exit 1`,
    );
    const log = scene.file('proof.log');
    scene.hide(log, LOG);
    const signal = new AbortController().signal;
    return proveDevice({ python: path, env: scene.env, device: 'cuda:0', build: 'cu130', log, signal });
  },
  'environment/torch': () =>
    chooseTorch(requirementsFor('cpu'), {
      installer: { resolve: () => ({ argv: ['pip'], env: {} }), brought: () => ['nvidia-cublas==13'] } as never,
      python: '/usr/bin/python3',
      constraints: '',
      run: async () => ({ code: 1, stdout: '', tail: [] }),
    }),
  'environment/trainer': (scene) =>
    startTrainer({ argv: ['/data/venv/bin/python', '-m', 'x'], env: scene.env, cwd: scene.work }, scene.file('log')),
  'hardware/device': () => {
    const name = 'NVIDIA GeForce RTX 4090';
    const facts = { totalBytes: 24e9, freeBytes: 23e9, driver: '580.82', capability: '8.9' };
    const card = { vendor: 'nvidia' as const, index: 0, name, ...facts };
    return chooseCards([0, 1], { device: 'cuda:0', gpu: card }, [card]);
  },
  'training/no-lora': crashed({ result: { status: 'finished', code: 0, step: 992 }, code: 0 }),
  'training/killed': crashed({ signal: 'SIGKILL', outOfMemory: true }),
  'training/crashed': crashed({ signal: 'SIGSEGV' }),
  'training/failed': crashed({ result: { status: 'failed', code: 5, step: 992 }, code: 5 }),
};
