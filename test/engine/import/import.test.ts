/** Settings of other trainers: small files of our own for each format, and what becomes of every key. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type Imported, importSettings } from '../../../src/engine/import/import.ts';
import { isTrainerFile } from '../../../src/engine/import/read.ts';
import { loadSpec } from '../../../src/engine/prepare/load.ts';
import { loadRegistry } from '../../../src/registry/catalogue/load.ts';
import type { RunSpec } from '../../../src/spec/schema.ts';
import { cli } from '../../helpers/cli.ts';
import { png } from '../../helpers/images.ts';
import { safetensors } from '../../helpers/safetensors.ts';

const dir = mkdtempSync(join(tmpdir(), 'vt-import-'));
const folder = join(dir, 'pictures');
mkdirSync(folder);
for (const i of [1, 2, 3]) writeFileSync(join(folder, `${i}.png`), png(640, 640, i));
const registry = loadRegistry({ configDir: dir });
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function imported(name: string, text: string | Buffer, base?: string): Imported & { readonly spec: RunSpec } {
  const path = join(dir, name);
  writeFileSync(path, text);
  const result = importSettings(path, { registry, folder, base });
  const yaml = join(dir, 'loaded.yaml');
  writeFileSync(yaml, result.yaml);
  return { ...result, spec: loadSpec(yaml, { registry }).spec };
}
const theirs = (lines: Imported['lost']) => lines.map((line) => line.theirs.split(':')[0]);

describe('import', () => {
  it('takes an sd-scripts TOML with its arguments', () => {
    const { trainer, spec, lost, changed } = imported(
      'kohya.toml',
      `pretrained_model_name_or_path = "/home/ann/models/ponyDiffusionV6XL.safetensors"
train_data_dir = "C:\\\\art\\\\fox"
network_module = "lycoris.kohya"
network_dim = 16
network_alpha = 8
network_args = ["algo=loha", "rank_dropout=0.1", "preset=full"]
unet_lr = 0.0003
learning_rate = 1.0
text_encoder_lr = 0.00005
optimizer_type = "AdamW8bit"
optimizer_args = ["weight_decay=0.1", "betas=0.9,0.99"]
lr_scheduler = "cosine_with_restarts"
lr_scheduler_num_cycles = 3
lr_warmup_steps = 50
max_train_steps = 1600
max_train_epochs = 10
train_batch_size = 4
resolution = "1024,1024"
min_snr_gamma = 8.0
noise_offset = 0.03
shuffle_caption = true
keep_tokens = 2
cache_latents = true
color_aug = true
xformers = false
seed = 42
`,
    );
    expect(trainer).toBe('sd-scripts');
    expect(spec.model.base).toBe('pony');
    expect(spec.dataset).toMatchObject({ path: folder, resolution: 1024, shuffle_tags: true, keep_tags: 2 });
    expect(spec.training).toMatchObject({
      adapter: 'loha',
      rank: 16,
      alpha: 8,
      learning_rate: 0.0003,
      text_encoder_learning_rate: 0.00005,
      optimizer: 'adamw8bit',
      weight_decay: 0.1,
      betas: [0.9, 0.99],
      schedule: 'cosine_with_restarts',
      cycles: 3,
      warmup: 50,
      steps: '10 epochs',
      batch_size: 4,
      min_snr_gamma: 8,
      noise_offset: 0.03,
      seed: 42,
    });
    expect(theirs(lost)).toEqual(
      expect.arrayContaining(['network_args.preset', 'network_args.rank_dropout', 'cache_latents']),
    );
    expect(changed.map(({ ours }) => ours)).toContain('model.base: pony');
  });

  it('takes the JSON of kohya_ss: strings for numbers, a percentage, a byte order mark', () => {
    const { trainer, spec, dangerous } = imported(
      'gui.json',
      `\ufeff${JSON.stringify({
        LoRA_type: 'Standard',
        additional_parameters: '',
        pretrained_model_name_or_path: 'stabilityai/stable-diffusion-xl-base-1.0',
        network_dim: '32',
        network_alpha: 16,
        lr_warmup: 10,
        unet_lr: '1e-4',
        text_encoder_lr: 0,
        epoch: 5,
        max_train_steps: '',
        optimizer: 'Prodigy',
        optimizer_args: '"d_coef=2" "weight_decay=0.02" betas=0.9,0.99',
        gradient_checkpointing: 'True',
        mixed_precision: 'bf16',
        wandb_api_key: 'SECRETSECRET',
        huggingface_token: '',
        sdxl: true,
      })}`,
    );
    expect(trainer).toBe('kohya_ss');
    expect(spec.model.base).toBe('sdxl');
    expect(spec.training).toMatchObject({
      rank: 32,
      alpha: 16,
      warmup: 0.1,
      steps: '5 epochs',
      optimizer: 'prodigy',
      weight_decay: 0.02,
      betas: [0.9, 0.99],
    });
    expect(spec.resources).toMatchObject({ gradient_checkpointing: 'full', precision: 'bf16' });
    expect(dangerous).toHaveLength(1);
    expect(JSON.stringify(dangerous)).not.toContain('SECRETSECRET');
  });

  it('takes the JSON of OneTrainer, and multiplies its rate as OneTrainer does', () => {
    const { trainer, spec } = imported(
      'one.json',
      JSON.stringify({
        __version: 6,
        training_method: 'LORA',
        base_model_name: 'stabilityai/stable-diffusion-xl-base-1.0',
        epochs: 20,
        batch_size: 4,
        learning_rate: 0.0003,
        learning_rate_scaler: 'BATCH',
        lora_rank: 16,
        lora_alpha: 1.0,
        resolution: '1024',
        optimizer: { __version: 0, optimizer: 'ADAMW', weight_decay: 0.02, beta1: 0.9, fused: null },
        unet: { train: true, learning_rate: null, weight_dtype: 'NONE' },
        text_encoder: { train: false, learning_rate: 0.00001 },
        loss_weight_fn: 'MIN_SNR_GAMMA',
        learning_rate_scheduler: 'COSINE',
        offset_noise_weight: 0.02,
        secrets: { huggingface_token: 'hf_x' },
      }),
    );
    expect(trainer).toBe('OneTrainer');
    expect(spec.training).toMatchObject({
      steps: '20 epochs',
      batch_size: 4,
      learning_rate: 0.0006,
      text_encoder_learning_rate: 0,
      rank: 16,
      alpha: 1,
      optimizer: 'adamw',
      weight_decay: 0.02,
      schedule: 'cosine',
      noise_offset: 0.02,
      loss_weighting: 'min_snr',
    });
  });

  it('takes the YAML of ai-toolkit', () => {
    const { trainer, spec } = imported(
      'toolkit.yaml',
      `job: extension
config:
  name: fox_v1
  process:
    - type: sd_trainer
      trigger_word: zfx
      network: {type: lora, linear: 16, linear_alpha: 16}
      save: {dtype: float16, save_every: 250, max_step_saves_to_keep: 4}
      datasets:
        - folder_path: /nowhere
          caption_ext: txt
          caption_dropout_rate: 0.05
          resolution: [768, 1024]
      train: {batch_size: 1, steps: 2000, lr: 1e-4, optimizer: adamw8bit, dtype: bf16, noise_scheduler: ddpm}
      model: {name_or_path: stabilityai/stable-diffusion-xl-base-1.0, is_xl: true}
      sample: {sample_every: 250, steps: 20, seed: 42, guidance_scale: 4, prompts: [a fox]}
`,
    );
    expect(trainer).toBe('ai-toolkit');
    expect(spec.name).toBe('fox_v1');
    expect(spec.training).toMatchObject({ steps: 2000, learning_rate: 1e-4, rank: 16, alpha: 16, batch_size: 1 });
    expect(spec.samples).toMatchObject({ every: 250, steps: 20, seed: 42, guidance: 4, prompts: ['a fox'] });
    expect(spec.dataset).toMatchObject({ trigger: 'zfx', caption_extension: '.txt', caption_dropout: 0.05 });
    expect(spec.dataset).toMatchObject({ resolution: [768, 1024], resolution_use: 'each' });
  });

  it('takes LoRA_Easy and lora-scripts', () => {
    const easy = imported(
      'easy.toml',
      `[[subsets]]
num_repeats = 2
image_dir = "/x"
[general_args.args]
pretrained_model_name_or_path = "sd_xl_base_1.0.safetensors"
max_train_steps = 900
seed = 3
[network_args.args]
network_dim = 8
network_alpha = 4.0
[optimizer_args.args]
optimizer_type = "AdamW"
learning_rate = 0.0002
`,
    );
    expect(easy.trainer).toBe('LoRA_Easy');
    expect(easy.spec.training).toMatchObject({ steps: 900, rank: 8, alpha: 4, learning_rate: 0.0002, seed: 3 });
    expect(easy.spec.dataset.repeats).toBe(2);
    const scripts = imported(
      'scripts.toml',
      'model_train_type = "sdxl-lora"\npretrained_model_name_or_path = "./sdxl.safetensors"\nnetwork_dim = 4\nmax_train_epochs = 1\n',
    );
    expect([scripts.trainer, scripts.spec.training.rank, scripts.spec.training.steps]).toEqual([
      'lora-scripts',
      4,
      '1 epoch',
    ]);
  });

  it('trains as a LoRA was trained, from its metadata', () => {
    const metadata = {
      ss_sd_model_name: 'illustriousXL_v01.safetensors',
      ss_base_model_version: 'sdxl_base_v1-0',
      ss_network_module: 'networks.lora',
      ss_network_dim: '12',
      ss_network_alpha: '6.0',
      ss_network_args: '{"conv_dim": "4", "conv_alpha": "2"}',
      ss_optimizer: 'bitsandbytes.optim.adamw.AdamW8bit(weight_decay=0.1)',
      ss_learning_rate: '0.0002',
      ss_max_train_steps: '1234',
      ss_resolution: '(768, 768)',
      ss_min_snr_gamma: 'None',
      ss_tag_frequency: '{"a": {"fox": 3}}',
    };
    const { trainer, spec } = imported(
      'like.safetensors',
      safetensors({ 'lora_unet_x.lora_down.weight': [4, 8] }, metadata),
    );
    expect(trainer).toBe('a LoRA');
    expect(spec.model.base).toBe('illustrious');
    expect(spec.dataset.resolution).toBe(768);
    expect(spec.training).toMatchObject({
      rank: 12,
      alpha: 6,
      conv_rank: 4,
      conv_alpha: 2,
      steps: 1234,
      optimizer: 'adamw8bit',
      learning_rate: 0.0002,
    });
  });

  it('leaves out settings that the rules refuse, and names them', () => {
    const { lost, spec } = imported(
      'rules.toml',
      'pretrained_model_name_or_path = "sdxl"\nnetwork_dim = 16\nmultires_noise_iterations = 6\nnoise_offset = 0.1\nnetwork_dropout = 3\n',
    );
    expect(spec.training.rank).toBe(16);
    expect(lost.length).toBeGreaterThan(0);
    expect(JSON.stringify(lost)).toMatch(/noise/);
  });

  it('refuses settings for other families', () => {
    const flux = JSON.stringify({
      __version: 6,
      training_method: 'LORA',
      model_type: 'FLUX_DEV_1',
      base_model_name: '',
    });
    expect(() => imported('flux.json', flux, 'sdxl')).toThrow('is for FLUX_DEV_1');
  });

  it('tells a run.yaml from other files', () => {
    writeFileSync(join(dir, 'own.yaml'), 'version: 1\ndataset: {path: x}\nmodel: {base: sdxl}\n');
    writeFileSync(join(dir, 'own.json'), '{"version": 1, "dataset": {"path": "x"}, "model": {"base": "sdxl"}}');
    expect(
      ['own.yaml', 'own.json', 'gui.json', 'kohya.toml', 'toolkit.yaml'].map((name) => isTrainerFile(join(dir, name))),
    ).toEqual([false, false, true, true, true]);
  });

  it('writes run.yaml by the command, and replaces none', async () => {
    const env = { ...process.env, VISIONTRAIN_HOME: dir };
    const to = join(dir, 'new.yaml');
    const args = ['new', folder, '--from', join(dir, 'kohya.toml'), '-o', to];
    const told = await cli([...args, '--json'], env);
    expect(told.code).toBe(0);
    expect(JSON.parse(told.stdout)).toMatchObject({ file: to, trainer: 'sd-scripts' });
    expect(readFileSync(to, 'utf8')).toContain('rank: 16');
    expect(await cli(args, env)).toMatchObject({ code: 2, stderr: expect.stringContaining('is there already') });
    const gone = join(dir, 'gone.yaml');
    const without = await cli(['new', '--from', join(dir, 'kohya.toml'), '-o', gone], env);
    expect([without.code, without.stderr]).toEqual([
      2,
      expect.stringContaining('The pictures of kohya.toml are not here'),
    ]);
    expect(existsSync(gone)).toBe(false);
    for (const [name, text] of [
      ['bad.toml', 'a = = 1'],
      ['bad.json', '{"a": '],
      ['strange.json', '{"x": 1}'],
    ] as const) {
      writeFileSync(join(dir, name), text);
      expect(await cli(['new', folder, '--from', join(dir, name), '-o', gone], env), name).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('import/unreadable'),
      });
    }
  });
});
