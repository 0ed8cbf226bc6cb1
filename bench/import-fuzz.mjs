// Spoils settings files of other trainers and imports them:  node bench/import-fuzz.mjs [COUNT] [SEED]
// Each is a small file of ours with a few things done to it that people's files have: a byte order mark, CRLF, UTF-16,
// Windows paths, numbers as text, NaN, deep and odd JSON, cut ends, keys twice, wild Unicode, the metadata of a LoRA that
// was edited by hand. Only a run.yaml that loads again, or a refusal in words, may come out; it ends with 1 otherwise.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { VisiontrainError } from '../src/base/errors.ts';
import { importSettings } from '../src/engine/import/import.ts';
import { loadSpec } from '../src/engine/prepare/load.ts';
import { loadRegistry } from '../src/registry/catalogue/load.ts';

const count = Number(process.argv[2] ?? 3000);
let state = Number(process.argv[3] ?? 1) >>> 0;
/** A number below `n`, the same for the same seed. */
function draw(n) {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 2 ** 32) * n);
}
const one = (list) => list[draw(list.length)];

const dir = mkdtempSync(join(tmpdir(), 'visiontrain-fuzz-'));
process.on('exit', () => rmSync(dir, { recursive: true, force: true }));
mkdirSync(join(dir, 'pictures'));
const registry = loadRegistry({ configDir: dir });

const KOHYA = {
  LoRA_type: 'Kohya LoCon',
  additional_parameters: '--max_grad_norm=1 --loss_type "huber"',
  max_resolution: '768,1024',
  pretrained_model_name_or_path: 'runwayml/stable-diffusion-v1-5',
  train_data_dir: 'C:\\Users\\Ann\\10_fox',
  network_dim: '32',
  network_alpha: 16,
  conv_dim: 8,
  unet_lr: '1e-4',
  text_encoder_lr: 5e-5,
  optimizer: 'AdamW8bit',
  lr_scheduler: 'cosine',
  lr_warmup: 10,
  epoch: 4,
  train_batch_size: 2,
  min_snr_gamma: 5,
  huggingface_token: 'hf_x',
  noise_offset_type: 'Multires',
};
const ONE = {
  __version: 9,
  training_method: 'LORA',
  model_type: 'STABLE_DIFFUSION_XL_10_BASE',
  base_model_name: 'stabilityai/stable-diffusion-xl-base-1.0',
  learning_rate: 0.0003,
  epochs: 30,
  batch_size: 4,
  lora_rank: 16,
  optimizer: { optimizer: 'PRODIGY', d_coef: 1, weight_decay: 0.01 },
  unet: { train: true, learning_rate: null },
  text_encoder: { train: false },
  concepts: [{ path: 'D:\\x', text: { prompt_source: 'sample' } }],
};
const TOOLKIT = {
  job: 'extension',
  config: {
    name: 'fox',
    process: [
      {
        type: 'sd_trainer',
        network: { type: 'lora', linear: 16, linear_alpha: 8 },
        train: { steps: 900, lr: 1e-4, optimizer: 'adamw8bit' },
        model: { name_or_path: 'sdxl', arch: 'sdxl' },
        datasets: [{ folder_path: '/x', resolution: [512, 768, 1024] }],
      },
    ],
  },
};
const LORA = {
  ss_network_module: 'networks.lora',
  ss_network_dim: '16',
  ss_network_alpha: '8',
  ss_base_model_version: 'sdxl_base_v1-0',
  ss_sd_model_name: 'sdxl',
  ss_optimizer: 'torch.optim.adamw.AdamW(weight_decay=0.1,betas=(0.9, 0.99))',
  ss_max_train_steps: '1000',
  ss_resolution: '(1024, 1024)',
  ss_network_args: '{"conv_dim": "4"}',
  'visiontrain.spec_sha256': '0'.repeat(64),
  'visiontrain.settings': '{"training.ema": {"decay": 0.9}, "hooks.on_start": [{"run": "x"}], "captions.limit": "9"}',
};
const ODD = [
  null,
  '',
  'None',
  'True',
  'false',
  -1,
  0,
  1e308,
  -0.5,
  '1e-4',
  '1,2,3',
  [],
  {},
  [[[]]],
  { a: { b: { c: [1, { d: 2 }] } } },
  'C:\\a\\b "c"',
  '\u202e<b>',
  '\u0000',
  'x'.repeat(5000),
  [1, 'a', null],
  '__proto__',
  2 ** 63,
  '../../etc',
  '$(touch x)',
  '{{',
  "'",
  '# yaml: [',
  'é\ud800',
];
const toml = (all) =>
  Object.entries(all)
    .map(
      ([key, value]) =>
        `${JSON.stringify(key)} = ${value === null || typeof value === 'object' ? '[]' : JSON.stringify(value)}`,
    )
    .join('\n');

function spoiled(document) {
  const copy = structuredClone(document);
  const groups = [];
  const walk = (value) => {
    if (value === null || typeof value !== 'object') return;
    groups.push(value);
    for (const inner of Object.values(value)) walk(inner);
  };
  walk(copy);
  for (let i = draw(5); i > 0; i -= 1) {
    const group = one(groups);
    const keys = Object.keys(group);
    const key =
      keys.length > 0 && draw(4) > 0
        ? one(keys)
        : one(['__proto__', 'constructor', '', 'wild key', 'NETWORK-DIM', 'steps', 'version', 'é']);
    Object.defineProperty(group, key, { value: one(ODD), enumerable: true, configurable: true, writable: true });
  }
  return copy;
}

function lora(metadata) {
  const texts = Object.fromEntries(
    Object.entries(metadata).map(([key, value]) => [key, typeof value === 'string' ? value : JSON.stringify(value)]),
  );
  const header = JSON.stringify({ __metadata__: texts, x: { dtype: 'F32', shape: [1], data_offsets: [0, 4] } });
  const bytes = Buffer.from(header);
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(bytes.length));
  return Buffer.concat([size, bytes, Buffer.alloc(4)]);
}

/** The bytes as editors and broken downloads leave them. */
function edited(text) {
  const bytes = Buffer.from(text);
  switch (draw(9)) {
    case 0:
      return Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), bytes]);
    case 1:
      return Buffer.from(text.replaceAll('\n', '\r\n'));
    case 2:
      return Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(text, 'utf16le')]);
    case 3:
      return bytes.subarray(0, draw(bytes.length + 1));
    case 4:
      return Buffer.from(text.replace(/\d+/u, () => one(['NaN', 'Infinity', '-0', '1e999', '0x10', '1_000'])));
    default:
      return bytes;
  }
}

const counts = { imported: 0, refused: 0 };
let wrong = 0;
for (let i = 0; i < count; i += 1) {
  const kind = draw(4);
  const document = spoiled([KOHYA, ONE, TOOLKIT, LORA][kind]);
  const ending =
    kind === 3
      ? 'safetensors'
      : kind === 0 && draw(3) === 0
        ? 'toml'
        : one(['json', 'json', kind === 2 ? 'yaml' : 'json']);
  const bytes =
    kind === 3 ? lora(document) : edited(ending === 'toml' ? toml(document) : JSON.stringify(document, null, draw(2)));
  const file = join(dir, `theirs.${ending}`);
  writeFileSync(file, bytes);
  try {
    const found = importSettings(file, {
      registry,
      folder: join(dir, 'pictures'),
      base: draw(2) === 0 ? 'sd15' : 'sdxl',
    });
    writeFileSync(join(dir, 'ours.yaml'), found.yaml);
    const { spec } = loadSpec(join(dir, 'ours.yaml'), { registry });
    if (Object.values(spec.hooks).flat().length > 0) throw new Error('a command came in');
    counts.imported += 1;
  } catch (error) {
    if (error instanceof VisiontrainError) {
      counts.refused += 1;
      continue;
    }
    wrong += 1;
    writeFileSync(`/tmp/import-fuzz-${wrong}.${ending}`, bytes);
    console.error(`${i} ${ending}: ${error.stack.split('\n').slice(0, 4).join(' | ')}`);
    if (wrong > 9) break;
  }
}
console.log(`${count} files: ${counts.imported} imported, ${counts.refused} refused in words, ${wrong} wrong`);
process.exitCode = wrong > 0 ? 1 : 0;
