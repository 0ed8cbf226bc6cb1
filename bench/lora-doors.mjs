// Sends LoRA files of every kind, spoiled and whole, through the functions that read them without Python ("doors"):
// inspect, check, edit, the base of `sample`, training.init_lora and model.merge_loras.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UsageError } from '../src/base/errors.ts';
import { editLora } from '../src/engine/lora/edit.ts';
import { inspectLora } from '../src/engine/lora/inspect.ts';
import { baseOfLoras } from '../src/engine/sample/ground.ts';
import { loadRegistry } from '../src/registry/catalogue/load.ts';
import { checkInitLora } from '../src/registry/checkpoints/lora.ts';
import { checkMergedLora, factsOfLora } from '../src/registry/checkpoints/lora-uses.ts';
import { draws } from './lib/random.mjs';

const [count, seed] = [Number(process.argv[2] ?? 3000), Number(process.argv[3] ?? 1)];
const dir = mkdtempSync(join(tmpdir(), 'vt-doors-'));

const { chance, below, oneOf } = draws(seed);

const TO_K = 'down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k';
const L = `lora_unet_${TO_K}`;
const C = 'lora_unet_mid_block_resnets_0_conv1';
const KINDS = {
  lora: { [`${L}.lora_down.weight`]: [2, 768], [`${L}.lora_up.weight`]: [8, 2], [`${L}.alpha`]: [] },
  locon: { [`${C}.lora_down.weight`]: [2, 6, 3, 3], [`${C}.lora_up.weight`]: [8, 2, 1, 1] },
  text: { 'lora_te_text_model_encoder_layers_0_mlp_fc1.lora_down.weight': [2, 8] },
  diffusers: { [`unet.${TO_K}.lora_A.weight`]: [2, 768], [`unet.${TO_K}.lora_B.weight`]: [8, 2] },
  loha: { [`${L}.hada_w1_a`]: [8, 2], [`${L}.hada_w1_b`]: [2, 768] },
  lokr: { [`${L}.lokr_w1`]: [2, 2], [`${L}.lokr_w2`]: [4, 384] },
  dora: { [`${L}.lora_down.weight`]: [2, 768], [`${L}.lora_up.weight`]: [8, 2], [`${L}.dora_scale`]: [1, 768] },
  oft: { [`${C}.oft_blocks`]: [2, 4, 4], [`${C}.alpha`]: [] },
  boft: { [`${L}.oft_blocks`]: [2, 2, 4, 4] },
  glora: { [`${L}.a1.weight`]: [24, 2], [`${L}.b2.weight`]: [2, 24] },
  ia3: { [`${L}.weight`]: [24], [`${L}.on_input`]: [] },
  full: { [`${C}.diff`]: [8, 6], [`${C}.diff_b`]: [8], 'lora_unet_x.w_norm': [8] },
  embedding: { [`${L}.lora_down.weight`]: [2, 768], [`${L}.lora_up.weight`]: [8, 2], 'bundle_emb.fox.clip_l': [1, 8] },
  empty: { [`${L}.lora_down.weight`]: [0, 768], [`${L}.lora_up.weight`]: [8, 0] },
};
const METADATA = [
  {},
  { ss_base_model_version: 'sdxl_1.0', ss_tag_frequency: '{"a": {"fox": 3}}', software: '{"name": "ai-toolkit"}' },
  { lora_adapter_metadata: '{"unet.lora_alpha": 8, "unet.alpha_pattern": {"to_k": "x"}}', training_info: '[' },
];

function whole(kind) {
  let end = 0;
  const header = { __metadata__: oneOf(METADATA) };
  const dtype = oneOf(['F16', 'F32', 'BF16', 'F8_E4M3', 'F64']);
  const width = { F16: 2, F32: 4, BF16: 2, F8_E4M3: 1, F64: 8 }[dtype];
  for (const [name, shape] of Object.entries(KINDS[kind])) {
    const bytes = width * shape.reduce((product, side) => product * side, 1);
    header[name] = { dtype, shape, data_offsets: [end, end + bytes] };
    end += bytes;
  }
  return file(header, Buffer.alloc(end, below(256)));
}

function file(header, data) {
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, data]);
}

const LIES = [
  (facts) => ({ ...facts, shape: [...facts.shape].reverse() }),
  (facts) => ({ ...facts, shape: [1e9, 1e9] }),
  (facts) => ({ ...facts, shape: [-1, 2.5] }),
  (facts) => ({ ...facts, shape: 'many' }),
  (facts) => ({ ...facts, dtype: oneOf(['F64', 'F128', 7, null]) }),
  (facts) => ({ ...facts, data_offsets: [0, oneOf([0, 3, 1e15])] }),
  (facts) => ({ ...facts, data_offsets: [8, 4] }),
  () => oneOf([null, 7, [], 'x']),
];

function spoiled(good) {
  const kind = chance();
  if (kind < 0.15) return good.subarray(0, below(good.length));
  const start = 8 + Number(good.readBigUInt64LE(0));
  if (kind < 0.5) {
    const header = JSON.parse(good.subarray(8, start).toString());
    const name = oneOf(Object.keys(header));
    if (name === '__metadata__') header[name] = oneOf([null, 7, [], { a: 1 }, { ss_tag_frequency: 'x', b: null }]);
    else if (chance() < 0.3) {
      header[`${name.split('.')[0]}${oneOf(['.alpha', '.lokr_t2', '.on_input', '.rescale', '.diff', '', '.'])}`] =
        header[name];
      delete header[name];
    } else header[name] = oneOf(LIES)(header[name]);
    return file(header, good.subarray(start));
  }
  const broken = Buffer.from(good);
  for (let i = 0; i <= below(6); i += 1) broken[chance() < 0.7 ? below(start) : below(broken.length)] = below(256);
  return broken;
}

const registry = loadRegistry({ configDir: dir });
const training = {
  rank: 16,
  conv_rank: 8,
  targets: 'all',
  text_encoder_learning_rate: 1e-4,
};
const spec = { model: { family: 'sd15' }, training };
const out = join(dir, 'out');
const DOORS = {
  inspect: (path) => inspectLora(path),
  check: (path) => inspectLora(path, { numbers: false }),
  edit: (path) => editLora(path, out, { 'modelspec.title': 'x', ss_seed: null }, false),
  'sample’s base': (path) => baseOfLoras([path], registry),
  init_lora: (path) => checkInitLora(path, spec, null),
  'facts of init_lora': (path) => factsOfLora(path),
  merge_loras: (path) => checkMergedLora(path, 'sd15'),
};

const told = new Map();
let wrong = 0;
try {
  for (let number = 0; number < count; number += 1) {
    const kind = oneOf(Object.keys(KINDS));
    const path = join(dir, 'bad');
    writeFileSync(path, chance() < 0.1 ? whole(kind) : spoiled(whole(kind)));
    for (const [door, go] of Object.entries(DOORS)) {
      let answer = 'answered';
      const began = performance.now();
      try {
        go(path);
      } catch (error) {
        answer = error instanceof UsageError ? (error.id ?? 'no id') : `${error.name}: ${error.message}`.slice(0, 90);
        if (!(error instanceof UsageError) || error.id === undefined || existsSync(out)) {
          wrong += 1;
          const kept = join(tmpdir(), `lora-doors-${seed}-${wrong}`);
          writeFileSync(kept, readFileSync(path));
          console.log(`${door} of ${kind}: ${answer} (${kept})`);
        }
      }
      if (performance.now() - began > 1000) console.log(`${door} of ${kind}: took more than a second`);
      rmSync(out, { force: true });
      const key = `${door.padEnd(20)}${answer}`;
      told.set(key, (told.get(key) ?? 0) + 1);
    }
  }
} finally {
  rmSync(dir, { recursive: true, force: true });
}
console.log(`${count} files, ${count * Object.keys(DOORS).length} doors, ${wrong} wrong; by door and answer:`);
for (const [key, number] of [...told].sort()) console.log(`  ${key.padEnd(60)} ${number}`);
process.exitCode = wrong > 0 ? 1 : 0;
