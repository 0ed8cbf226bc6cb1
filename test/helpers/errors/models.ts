/** Errors of models, LoRA files and downloads, each as it really comes. */
import { copyFileSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { modelErrors } from '../../../src/base/error-entries/models.ts';
import { claim } from '../../../src/base/process/claim.ts';
import { exhausted, wrongHash } from '../../../src/download/download-errors.ts';
import { fetchFile } from '../../../src/download/fetch-file.ts';
import { agentFactory } from '../../../src/download/http/agent.ts';
import { Fault } from '../../../src/download/http/fault.ts';
import { readProxies } from '../../../src/download/http/proxy.ts';
import { downloadSettings } from '../../../src/download/http/settings.ts';
import { resolveBase } from '../../../src/engine/prepare/base.ts';
import { settleLicense } from '../../../src/registry/catalogue/licenses.ts';
import { findEntry, findModel } from '../../../src/registry/catalogue/load.ts';
import { readModelFacts } from '../../../src/registry/checkpoints/identify.ts';
import { hubId } from '../../../src/registry/hub/hub-model.ts';
import { describeOwn } from '../../../src/registry/hub/own-entry.ts';
import { kinds, safetensors } from '../safetensors.ts';
import type { Sample, Scene } from './scene.ts';
import type { TrainerId } from './trainer.ts';

const SHA256 = '6ce01616'.repeat(8);
const wanted = (path: string) => ({ path, sha256: SHA256, bytes: 1000, sources: [], name: 'model.safetensors' });

function fetched(scene: Scene, more: Record<string, unknown>, sources: readonly unknown[] = []) {
  const settings = downloadSettings({}, { reportEvery: 1, ...more });
  const options = { settings, env: {}, signal: new AbortController().signal, onProgress: () => undefined };
  return fetchFile({ ...wanted(join(scene.work, 'models/sdxl/model.safetensors')), sources } as never, options);
}

export const modelSamples: Readonly<Record<Exclude<keyof typeof modelErrors, TrainerId>, Sample>> = {
  'model/none': ({ registry }) => findEntry(registry, 'ilustrious'),
  'model/not-a-base': ({ registry }) => findModel(registry, 'sdxl-vae-fp16-fix'),
  'model/id': (scene) => scene.type(['models', 'add', 'mix.safetensors', '--id', 'My Mix']),
  'model/id-taken': (scene) => scene.type(['models', 'add', 'mix.safetensors', '--id', 'sdxl']),
  'model/licence': ({ registry, places }) => {
    const entry = findModel(registry, 'sdxl');
    const asks = { ...entry, license: { ...entry.license, acceptance: true } };
    const hint = 'If you accept it: visiontrain models pull sdxl --accept-license';
    return settleLicense(asks, places, false, [hint]);
  },
  'model/list': (scene) => {
    const path = scene.file('../config/models/mine.yaml', 'version: 1\nmodels:\n  - id: mine\n    famly: sdxl\n');
    return scene.type(['models', 'list']).finally(() => writeFileSync(path, 'version: 1\n'));
  },
  'model/family': ({ registry }) => {
    const facts = { family: 'sd15', prediction: 'epsilon', zeroTerminalSnr: false };
    return describeOwn({ title: 'My Mix', facts } as never, { like: 'sdxl' } as never, registry);
  },
  'model/not-supported': (scene) =>
    readModelFacts(
      scene.file('flux1-dev.safetensors', safetensors({ 'double_blocks.0.img_attn.proj.weight': [4, 4] })),
    ),
  'model/incomplete': (scene) => {
    const { 'first_stage_model.decoder.conv_in.weight': _, ...others } = kinds.sdxl;
    return readModelFacts(scene.file('pruned.safetensors', safetensors(others)));
  },
  'model/unreadable': (scene) => readModelFacts(scene.folder('my-model')),
  'model/not-safetensors': (scene) =>
    readModelFacts(scene.file('model.ckpt', Buffer.from('PK\x03\x04archive/data.pkl'))),
  'model/config': (scene) => {
    const path = scene.file('mix.safetensors', safetensors(kinds.sdxl));
    const { model } = scene.spec({ model: { base: path, family: 'sdxl', prediction: 'epsilon' } });
    const registry = { ...scene.registry, models: [] };
    return resolveBase({ model, dir: scene.work, registry, places: scene.places });
  },
  'model/built-in': (scene) => scene.type(['models', 'rm', 'tiny']),
  'model/in-use': (scene) => {
    const folder = join(scene.places.models, 'sdxl');
    mkdirSync(folder, { recursive: true });
    return busy(scene, folder);
  },
  'model/address': () => hubId('C:models/mix'),
  'model/hub': (scene) =>
    scene.type(['models', 'add', 'ann/my-mix'], { HF_ENDPOINT: 'http://127.0.0.1:9', VISIONTRAIN_DOWNLOAD_TRIES: '1' }),
  'model/token': (scene) => scene.type(['models', 'pull', 'sd15', '--accept-license', '--token-env', 'MY_TOKEN']),
  'lora/unreadable': (scene) => scene.type(['lora', 'inspect', 'fxo.safetensors']),
  'lora/not-made': (scene) => {
    const q = 'lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q';
    const s = 'lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k';
    scene.file(
      'a.safetensors',
      safetensors(
        { [`${q}.lora_down.weight`]: [4, 640], [`${q}.lora_up.weight`]: [640, 4] },
        { ss_base_model_version: 'sdxl_base_v1-0' },
      ),
    );
    scene.file(
      'b.safetensors',
      safetensors(
        { [`${s}.lora_down.weight`]: [4, 768], [`${s}.lora_up.weight`]: [320, 4] },
        { ss_base_model_version: 'sd_v1' },
      ),
    );
    return scene.type(['lora', 'merge', 'a.safetensors', 'b.safetensors', '-o', 'c.safetensors']);
  },
  'lora/thumbnail': (scene) => {
    scene.file('fox.gif', 'GIF89a');
    return scene.type(['lora', 'edit', 'a.safetensors', '--thumbnail', 'fox.gif', '--in-place']);
  },
  'lora/unusable': (scene) => {
    scene.file('mix.safetensors', safetensors(kinds.sdxl));
    return scene.type(['sample', '--lora', 'mix.safetensors', '--prompt', 'a fox']);
  },
  'download/failed': ({ work }) => {
    const address = {
      url: 'https://huggingface.co/x',
      label: 'huggingface.co',
      token: undefined,
      page: undefined,
      kind: 'hub',
    };
    const fault = new Fault('network', 'huggingface.co cannot be found (no network, or a wrong name)');
    return exhausted(wanted(join(work, 'model.safetensors')), [{ fault, address } as never], {});
  },
  'download/wrong-file': (scene) => {
    const path = join(scene.work, 'model.safetensors');
    scene.file('model.safetensors.part', 'another file');
    return wrongHash(wanted(path), '9f86d081'.repeat(8));
  },
  'download/too-slow': (scene) =>
    fetched(scene, { totalTimeout: 0.05, tries: 50 }, [{ kind: 'url', url: 'http://127.0.0.1:9/model.safetensors' }]),
  'download/offline': (scene) => fetched(scene, { offline: true }),
  'download/no-source': (scene) => fetched(scene, {}),
  'download/foreign-partial': (scene) => {
    const part = join(scene.work, 'models/sdxl/model.safetensors.part');
    rmSync(part, { force: true });
    symlinkSync('/etc/hostname', part);
    return fetched(scene, {}, [{ kind: 'url', url: 'http://127.0.0.1:9/model.safetensors' }]);
  },
  'download/certificates': () => agentFactory(downloadSettings({}), { SSL_CERT_FILE: '/etc/company.pem' }),
  'download/proxy': () => readProxies({ HTTPS_PROXY: 'http://ann:se#cret@proxy.company:3128' }),
  'download/setting': () => downloadSettings({ VISIONTRAIN_CONNECTIONS: 'many' }),
};

function busy(scene: Scene, folder: string): Promise<void> {
  scene.file('x');
  copyFileSync(join(scene.work, 'x'), join(folder, 'model.safetensors.part'));
  const held = claim(join(folder, '.model.safetensors.claims'));
  return scene.type(['models', 'rm', 'sdxl']).finally(() => 'claim' in held && held.claim.release());
}
