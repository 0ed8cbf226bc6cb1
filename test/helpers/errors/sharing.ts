/** Errors of publishing and sharing, each as it really comes. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { sharingErrors } from '../../../src/base/error-entries/sharing.ts';
import { bundleImages, refuseLackingModel } from '../../../src/cli/commands/carry/run-bundle.ts';
import { namedPlace } from '../../../src/engine/bundle/contents.ts';
import { readManifest } from '../../../src/engine/bundle/unpack.ts';
import { type HubFault, PublishHub, type Step } from '../publish-hub.ts';
import { rawZip } from '../raw-zip.ts';
import { safetensors } from '../safetensors.ts';
import { tellRun } from '../told-run.ts';
import type { Sample, Scene } from './scene.ts';

const Q = 'lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q';
const lora = safetensors({ [`${Q}.lora_down.weight`]: [4, 320], [`${Q}.lora_up.weight`]: [320, 4] });

/** The finished run that is published; it is made once. */
function sharedRun(scene: Scene) {
  const name = 'shared';
  const dir = join(scene.home.runs, name);
  if (existsSync(dir)) return { name, dir };
  const sha256 = createHash('sha256').update(lora).digest('hex');
  tellRun(scene.home, {
    ...{ name, side: 16, alike: true },
    exit: { outputs: [{ path: 'output/shared.safetensors', bytes: lora.length, sha256 }] },
  });
  mkdirSync(join(dir, 'output'), { recursive: true });
  writeFileSync(join(dir, 'output', 'shared.safetensors'), lora);
  return { name, dir };
}

/** Publishes that run to a hub that fails at one step in the given way. */
async function publish(scene: Scene, step: Step, fault: HubFault | undefined, more: readonly string[] = []) {
  const run = sharedRun(scene);
  const hub = await new PublishHub().start();
  scene.hide(hub.url, 'https://huggingface.co');
  scene.hide(new URL(hub.url).host, 'huggingface.co');
  scene.hide(run.name, 'fox');
  if (fault !== undefined)
    hub.faults.set(
      step,
      Array.from({ length: 20 }, () => fault),
    );
  if (step === 'info' && fault === undefined) hub.repos.set('ann/fox', { private: false, files: new Map() });
  const env = { HF_ENDPOINT: hub.url, HF_TOKEN: 'hf_right', VISIONTRAIN_BACK_OFF: '0.01' };
  try {
    await scene.type(['publish', 'hub', run.name, '--repo', 'ann/fox', ...more], env);
  } finally {
    await hub.stop();
  }
}

export const sharingSamples: Readonly<Record<keyof typeof sharingErrors, Sample>> = {
  'bundle/damaged': (scene) => readManifest(scene.file('fox.zip', Buffer.alloc(100))),
  'bundle/unsafe': (scene) =>
    readManifest(scene.file('fox.zip', rawZip([{ name: 'run.yaml', data: Buffer.from('x'), mode: 0o120777 }]))),
  'bundle/pictures': () => bundleImages('fox.zip', { images: { inside: false, files: [{}, {}] } } as never, {}),
  'bundle/model': () => {
    const base = { name: 'myMix_v7.safetensors', sha256: '3f9a20c1'.repeat(8), listed: false };
    return refuseLackingModel('fox.zip', { base, vae: null } as never, []);
  },
  'bundle/name': () => namedPlace((path) => path, 'foxes/a\\b.png'),
  'export/program': (scene) => {
    tellRun(scene.home, { name: 'done', side: 16, alike: true });
    return scene.type(['export', 'done', '--to', 'comfyui']);
  },
  'publish/login': (scene) => publish(scene, 'create', 401),
  'publish/refused': (scene) => publish(scene, 'create', 403),
  'publish/repo': (scene) => publish(scene, 'create', undefined, ['--repo', 'my foxes']),
  'publish/public': (scene) => publish(scene, 'info', undefined),
  'publish/changed': (scene) => publish(scene, 'commit', 412),
  'publish/too-large': (scene) => publish(scene, 'commit', 413),
  'publish/unreachable': (scene) => publish(scene, 'commit', 'page'),
};
