/** Errors of runs and data sets, each as it really comes. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { runErrors } from '../../../src/base/error-entries/runs.ts';
import { claim } from '../../../src/base/process/claim.ts';
import { bringDatasets } from '../../../src/engine/brought/bring.ts';
import { fetchDataset } from '../../../src/engine/brought/hub.ts';
import { settleEndpoint } from '../../../src/engine/captions/consent.ts';
import { captionMethods } from '../../../src/engine/captions/methods.ts';
import { runWorker } from '../../../src/engine/captions/worker.ts';
import { lookAtImages } from '../../../src/engine/check/look-worker.ts';
import { noFolder } from '../../../src/engine/dataset/scan-errors.ts';
import { beingJudged } from '../../../src/engine/judge/judgement.ts';
import { runJudge } from '../../../src/engine/judge/worker.ts';
import { settleSpaces } from '../../../src/engine/logging/consent.ts';
import { maskFinders } from '../../../src/engine/masks/made.ts';
import { readPlan } from '../../../src/engine/runs/read-plan.ts';
import { startFailed } from '../../../src/engine/runs/start.ts';
import { notOurs } from '../../../src/engine/runs/trust.ts';
import { baseOfLoras } from '../../../src/engine/sample/ground.ts';
import { drawSamples } from '../../../src/engine/sample/worker.ts';
import { nodeOf } from '../../../src/engine/supervisor/nodes.ts';
import { lostRun } from '../../../src/engine/supervisor/supervisor.ts';
import { fixturePlan } from '../fixture-run.ts';
import { png } from '../images.ts';
import { rawZip } from '../raw-zip.ts';
import { safetensors } from '../safetensors.ts';
import { tellRun } from '../told-run.ts';
import { failure, type Sample, type Scene } from './scene.ts';
import type { TrainerId } from './trainer.ts';

const signal = new AbortController().signal;
const tools = {
  signal,
  phase: () => undefined,
  progress: () => undefined,
  note: () => undefined,
};

/** A Python that dies. */
function dyingPython(scene: Scene): string {
  scene.program('dying-python', 'exit 1');
  return join(scene.home.dir, 'bin', 'dying-python');
}

function withImages(scene: Scene): string {
  scene.file('foxes/01.png', png(64, 64, 1));
  scene.file('foxes/02.png', png(64, 64, 2));
  return scene.folder('foxes');
}

export const runSamples: Readonly<Record<Exclude<keyof typeof runErrors, TrainerId>, Sample>> = {
  'run/none': (scene) => {
    scene.home.create(8, 'wolf-old');
    scene.home.create(8, 'wolf-new');
    return scene.type(['status', 'wulf-old']);
  },
  'run/several': (scene) => scene.type(['status', 'wolf']),
  'run/name': (scene) => {
    scene.runYaml();
    return scene.type(['run', 'run.yaml', '--name', 'my fox!']);
  },
  'run/nodes': () => nodeOf({ nodes: 2 }, {}),
  'run/already-running': (scene) => alreadyRunning(scene),
  'run/not-started': (scene) => scene.type(['logs', 'wolf-old']),
  'run/finished': (scene) => {
    tellRun(scene.home, { name: 'owl', side: 16, alike: true });
    return scene.type(['resume', 'owl']);
  },
  'run/not-finished': (scene) => scene.type(['export', 'wolf-old', '--bundle']),
  'run/no-export': (scene) => scene.type(['sample', 'wolf-old', '--step', '400']),
  'judge/busy': () => beingJudged(),
  'judge/none': (scene) => scene.type(['judge', 'owl', '--show']),
  'judge/failed': (scene) =>
    runJudge({
      ...{ dir: scene.folder('judged'), request: {} as never, python: dyingPython(scene), env: scene.env, extras: [] },
      ...{ resources: fixturePlan(scene.work, 1, null).resources, cacheDir: scene.work, signal },
      ...{ onRow: () => undefined, onProgress: () => undefined },
    }),
  'sample/failed': (scene) =>
    drawSamples({
      plan: fixturePlan(scene.work, 1, null),
      source: { run: null, loras: [] },
      grid: { cells: [], looks: [], shots: [], columns: [], rows: [], files: [] } as never,
      ...{ to: scene.folder('drawn'), python: dyingPython(scene), env: scene.env, extras: [], signal },
      ...{ onSample: () => undefined, onPhase: () => undefined, onNote: () => undefined },
    }),
  'sample/base': ({ registry, file }) => {
    const layer = 'lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q';
    const shapes = { [`${layer}.lora_down.weight`]: [4, 640], [`${layer}.lora_up.weight`]: [640, 4] };
    const metadata = { ss_base_model_version: 'sdxl_base_v1-0', ss_sd_model_name: 'myMix_v7.safetensors' };
    return baseOfLoras([file('style.safetensors', safetensors(shapes, metadata))], registry);
  },
  'run/not-ours': () => {
    const dir = '/data/runs/fox';
    return notOurs(dir, { folder: dir, what: 'can be written to by other users', cure: `chmod go-w '${dir}'` });
  },
  'run/unreadable-plan': (scene) => {
    const run = scene.home.create(8, 'newt');
    writeFileSync(join(run.dir, 'plan.json'), '{"version": 2, "name": 7}');
    return readPlan(run.dir);
  },
  'run/start-failed': (scene) => {
    const run = scene.home.create(8, 'toad');
    writeFileSync(join(run.dir, 'supervisor.log'), "Error: Cannot find module 'undici'\n");
    return startFailed(run);
  },
  'run/lost': () =>
    lostRun({ dir: '', path: () => '/data/runs/fox', lost: () => true, close: () => undefined }, {
      number: 1,
      lost: () => false,
    } as never),
  'run/unknown-end': (scene) => {
    const run = scene.home.create(8, 'hare');
    writeFileSync(join(run.dir, 'exit.json'), 'not JSON');
    return scene.type(['attach', 'hare']);
  },
  'dataset/which': (scene) => {
    withImages(scene);
    return scene.type(['dataset', 'caption', 'versions', 'foxes', '07.png']);
  },
  'dataset/no-folder': () => noFolder('/foxes-that-are-not-there', failure('ENOENT')),
  'dataset/archive-unsafe': (scene) => brought(scene, rawZip([{ name: '../../.bashrc', data: Buffer.from('x') }])),
  'dataset/archive-damaged': (scene) => brought(scene, Buffer.from('PK\x03\x04 not the rest')),
  'dataset/hub': (scene) => fetchDataset('foxes', { places: scene.places, env: scene.env, tools } as never),
  'dataset/no-mask': (scene) => {
    withImages(scene);
    scene.runYaml('', 'masks.yaml');
    return scene.type(['run', 'masks.yaml', '--dry-run', '--set', 'dataset.masks.from=./paintde']);
  },
  'dataset/look': (scene) =>
    lookAtImages({
      ...{ python: dyingPython(scene), extras: [], env: scene.env, threads: 1, root: scene.work, images: [] },
      ...{ store: scene.folder('looks'), captions: [], tokenizer: null, signal, onProgress: () => undefined },
    }),
  'dataset/closed': () => noFolder('/data/foxes', failure('EACCES')),
  'dataset/empty': (scene) => {
    scene.file('empty/notes.psd', '8BPS');
    scene.file('empty/readme.txt', 'x');
    return scene.type(['dataset', 'check', 'empty']);
  },
  'dataset/changed': (scene) => {
    const folder = withImages(scene);
    rmSync(join(folder, '02.png'));
    scene.home.create(8, 'lynx');
    return scene.type(['resume', 'lynx', '--dataset', 'foxes']);
  },
  'captions/method': (scene) =>
    captionMethods({
      ...{
        settings: scene.spec({ captions: { write: 'tags', tagger: 'sdxl-vae-fp16-fix' } }).captions,
        dir: scene.work,
      },
      ...{ registry: scene.registry, places: scene.places },
    }),
  'captions/editor': (scene) => scene.type(['dataset', 'caption', 'edit', 'foxes']),
  'captions/lines': (scene) => lines(scene),
  'captions/server': (scene) => {
    const captions = { write: 'endpoint', endpoint: 'https://captions.example/v1', endpoint_model: 'big' };
    return settleEndpoint(scene.spec({ captions }).captions, { places: scene.places, env: {}, allows: false });
  },
  'logging/space': (scene) =>
    settleSpaces([{ to: 'trackio', project: 'foxes', mode: 'online', space: 'me/foxes' }], scene.places, false),
  'captions/failed': (scene) =>
    runWorker(
      {
        ...{
          python: dyingPython(scene),
          extras: [],
          env: scene.env,
          root: scene.work,
          store: scene.folder('captions'),
        },
        ...{ images: [], methods: [], device: 'cpu', threads: 1, log: join(scene.work, 'captions.log'), signal },
      },
      { progress: () => undefined, failed: () => undefined },
    ),
  'masks/failed': (scene) =>
    maskFinders(['faces'], { registry: { ...scene.registry, assets: [] }, places: scene.places }),
};

function brought(scene: Scene, bytes: Buffer) {
  scene.file('foxes.zip', bytes);
  const spec = scene.spec({ dataset: { path: 'foxes.zip', goal: 'character' } });
  return bringDatasets(spec, scene.work, { places: scene.places, env: scene.env, tools } as never);
}

function alreadyRunning(scene: Scene) {
  const { dir } = scene.home.create(8, 'boar');
  const held = claim(join(dir, 'attempts'));
  return scene.type(['resume', 'boar']).finally(() => 'claim' in held && held.claim.release());
}

function lines(scene: Scene) {
  scene.program('spoil', 'echo "no such line" >> "$1"');
  return scene.type(['dataset', 'caption', 'edit', 'foxes'], { EDITOR: 'spoil' });
}
