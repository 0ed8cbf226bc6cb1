/** The meaning of other trainers' files: small files of our own for each of their conventions, and invalid files. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { commandLine } from '../../../src/engine/import/effective.ts';
import { importSettings } from '../../../src/engine/import/import.ts';
import { loadSpec } from '../../../src/engine/prepare/load.ts';
import { loadRegistry } from '../../../src/registry/catalogue/load.ts';
import { safetensors } from '../../helpers/safetensors.ts';

const dir = mkdtempSync(join(tmpdir(), 'vt-theirs-'));
for (const name of ['pictures', 'few', 'women']) mkdirSync(join(dir, name));
const folder = join(dir, 'pictures');
const registry = loadRegistry({ configDir: dir });
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function imported(name: string, content: string | Buffer | object, base?: string, images: string | undefined = folder) {
  const path = join(dir, name);
  const isText = typeof content === 'string' || Buffer.isBuffer(content);
  writeFileSync(path, isText ? content : JSON.stringify(content));
  const found = importSettings(path, { registry, folder: images, base });
  writeFileSync(join(dir, 'ours.yaml'), found.yaml);
  const { spec } = loadSpec(join(dir, 'ours.yaml'), { registry });
  const told = (list: typeof found.lost) => list.map(({ theirs, why }) => `${theirs} (${why ?? ''})`).join('\n');
  return { ...found, spec, lostText: told(found.lost), changedText: told(found.changed) };
}

const GUI = {
  LoRA_type: 'Standard',
  additional_parameters: '',
  pretrained_model_name_or_path: 'runwayml/stable-diffusion-v1-5',
  network_dim: 8,
  network_alpha: 4,
  unet_lr: 1e-4,
  text_encoder_lr: 5e-5,
  epoch: 2,
};

describe('the window of kohya_ss', () => {
  it('saves fields that have no effect for what was chosen, and these are not taken', () => {
    const fields = { factor: 4, unit: 2, conv_dim: 16, decompose_both: true, dataset_config: '', model_list: 'custom' };
    const noises = { noise_offset: 0.05, multires_noise_iterations: 8, multires_noise_discount: 0.2 };
    const cadences = { save_every_n_epochs: 1, save_every_n_steps: 0, max_train_steps: 0 };
    const given = {
      ...GUI,
      ...fields,
      ...noises,
      ...cadences,
      noise_offset_type: 'Original',
      num_cpu_threads_per_process: 2,
    };
    const { spec, lost, unknown } = imported('off.json', given);
    expect([spec.training.conv_rank, spec.training.lokr, spec.training.noise_offset]).toEqual([0, null, 0.05]);
    expect([spec.training.multires_noise, spec.output.save_every, spec.training.steps]).toEqual([
      null,
      '1 epoch',
      '2 epochs',
    ]);
    expect([spec.resources.threads, lost, unknown]).toEqual([null, [], []]);
    const coarse = imported('coarse.json', { ...given, noise_offset_type: 'Multires' }).spec.training;
    expect([coarse.noise_offset, coarse.multires_noise]).toEqual([0, { iterations: 8, discount: 0.2 }]);
    const lokr = imported('lokr.json', { ...given, LoRA_type: 'LyCORIS/LoKr', network_dim: 100000 }).spec.training;
    expect([lokr.adapter, lokr.lokr]).toMatchObject(['lokr', { factor: 4, full: true }]);
  });

  it('has several arguments in one text, as a command line has', () => {
    const { spec, lostText, unknown } = imported('more.json', {
      ...GUI,
      max_grad_norm: 1,
      stop_text_encoder_training: 40,
      additional_parameters:
        '--max_grad_norm=0.5 --optimizer_args "weight_decay=0.05" \'betas=0.9,0.95\' --log_prefix=x --made_up 3',
    });
    expect(spec.training).toMatchObject({
      max_grad_norm: 0.5,
      weight_decay: 0.05,
      betas: [0.9, 0.95],
      text_encoder_until: 0.4,
    });
    expect([lostText, unknown]).toEqual(['--made_up: 3 (nothing here does the same)', ['made_up']]);
    expect(commandLine('--a --b 1 2 --c="x y"').map(({ name, value }) => [name, value])).toEqual([
      ['a', true],
      ['b', ['1', '2']],
      ['c', 'x y'],
    ]);
  });

  it('trains whole models too, whose rates are not taken', () => {
    const { LoRA_type: _, network_dim: __, network_alpha: ___, ...whole } = GUI;
    const { spec, changedText } = imported('whole.json', { ...whole, unet_lr: 1e-6, max_resolution: '512,512' });
    expect(spec.training.learning_rate).toBeGreaterThan(1e-5);
    expect(changedText).toContain('a whole model (a LoRA is trained here');
  });

  it('has optimisers and names that are nearly ours, and the import says so', () => {
    const { spec, changedText, lost } = imported('dadapt.json', {
      ...GUI,
      optimizer: 'DAdaptAdam',
      optimizer_args: 'decouple=True weight_decay=0.2 made_up=3',
      lr_scheduler: 'adafactor',
      unet_lr: 1,
      output_name: 'my new model!',
    });
    expect([spec.training.optimizer, spec.training.schedule, spec.name]).toEqual([
      'prodigy',
      'constant',
      'my-new-model',
    ]);
    expect(spec.training.text_encoder_learning_rate).toBe(1);
    for (const note of [
      'what became of D-Adaptation',
      'relative step',
      'one rate for all that learns',
      'my new model!',
    ])
      expect(changedText).toContain(note);
    // One argument that is not known leaves the others.
    expect([spec.training.weight_decay, lost.length]).toEqual([0.2, 1]);
  });
});

describe('OneTrainer', () => {
  const ONE = { training_method: 'LORA', base_model_name: 'stabilityai/stable-diffusion-xl-base-1.0' };

  it('has its own defaults, units and names of weight types', () => {
    const { spec, taken, unknown } = imported('one.json', {
      ...ONE,
      backup_after: 20,
      sample_after: 2,
      sample_after_unit: 'EPOCH',
      save_every: 90,
      save_every_unit: 'SECOND',
      max_noising_strength: 0.8,
      layer_filter_preset: 'attn-only',
      resolution: '1024, 768',
      unet: { weight_dtype: 'INT_8' },
      vae: { weight_dtype: 'FLOAT_32' },
    });
    expect(spec.training).toMatchObject({
      ...{ rank: 16, alpha: 1, steps: '100 epochs', schedule: 'constant', warmup: 200, loss_weighting: 'none' },
      ...{ targets: 'attention', timesteps: { max: 800 } },
    });
    expect(spec.dataset).toMatchObject({ resolution: [1024, 768], resolution_use: 'draw' });
    expect(spec.output).toMatchObject({ checkpoint_every: '20m', save_every: '2m' });
    expect([spec.samples.every, spec.resources.base_precision, spec.resources.vae_precision]).toEqual([
      '2 epochs',
      'int8',
      'fp32',
    ]);
    expect(spec.resources.precision).toBe('bf16');
    expect([taken.some(({ theirs }) => theirs === 'lora_alpha: 1.0 (its default)'), unknown]).toEqual([true, []]);
  });

  it('trains embeddings and whole models too', () => {
    expect(imported('tune.json', { ...ONE, training_method: 'FINE_TUNE' }).changedText).toContain('FINE_TUNE (a LoRA');
  });
});

describe('sd-scripts', () => {
  it('has its defaults applied where the file is silent', () => {
    const { spec } = imported(
      'silent.toml',
      'pretrained_model_name_or_path = "sdxl"\nnetwork_dim = 4\nlearning_rate = 1e-4\n',
    );
    expect(spec.training).toMatchObject({ alpha: 1, loss_weighting: 'none', schedule: 'constant', warmup: 0 });
    expect([spec.dataset.shuffle_tags, spec.dataset.keep_tags]).toEqual([false, 0]);
    const gamma = 'pretrained_model_name_or_path = "sdxl"\nnetwork_dim = 4\nmin_snr_gamma = 5\n';
    expect(imported('gamma.toml', gamma).spec.training).toMatchObject({ loss_weighting: 'min_snr', min_snr_gamma: 5 });
  });

  it('trains on several folders, each with captions of its own', () => {
    const text = `[general]
shuffle_caption = true
[[datasets]]
resolution = 512
[[datasets.subsets]]
image_dir = "pictures"
num_repeats = 2
[[datasets.subsets]]
image_dir = "few"
num_repeats = 8
class_tokens = "zwx fox"
flip_aug = true
face_crop_aug_range = "1,2"
[[datasets.subsets]]
image_dir = "women"
is_reg = true
class_tokens = "woman"
[[datasets.subsets]]
image_dir = "gone"
`;
    const { spec, lostText } = imported('folders.toml', text, 'sd15', undefined);
    expect([spec.dataset.path, spec.dataset.repeats, spec.dataset.shuffle_tags]).toEqual([folder, 2, true]);
    expect(spec.dataset.sources).toMatchObject([
      { path: join(dir, 'few'), role: 'train', repeats: 8, trigger: 'zwx fox', flip: true },
      { path: join(dir, 'women'), role: 'regularisation', default_caption: 'woman' },
    ]);
    expect(spec.dataset.sources).toHaveLength(2);
    expect(lostText).toContain('the folder gone (it is not on this machine)');
    expect(lostText).toContain('face_crop_aug_range: 1,2 (a folder of its own cannot have it)');
  });
});

describe('invalid files', () => {
  const fails = (name: string, content: string | Buffer | object, base = 'sdxl') => {
    try {
      imported(name, content, base);
      return 'taken';
    } catch (error) {
      return (error as Error).message.slice(dir.length + 1);
    }
  };

  it('are answered with what is wrong, and the line', () => {
    const toml = Buffer.from('network_dim = 4\n');
    expect(fails('sixteen.toml', Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from('a', 'utf16le')]))).toBe(
      'sixteen.toml is saved as UTF-16: save it as UTF-8.',
    );
    expect(fails('latin.toml', Buffer.concat([toml, Buffer.from([0x61, 0xe9, 0x0a])]))).toContain('(line 2)');
    expect(fails('twice.toml', 'network_dim = 4\nseed = 1\nnetwork_dim = 8\n')).toMatch(
      /^twice\.toml is no TOML: .*\(line 3\)\.$/u,
    );
    expect(fails('cut.json', '{\n"network_dim": 4,\n')).toMatch(/^cut\.json is no JSON: .*\(line 3\)\.$/u);
    expect(fails('nan.json', '{"LoRA_type": "Standard",\n "unet_lr": NaN}')).toMatch(/is no JSON: .*\(line 2\)/u);
    expect(fails('twice.yaml', 'job: x\nconfig: {}\njob: y\n')).toContain('line 3');
    expect(fails('list.json', '[1]')).toContain('list.json ');
    const deep = `{"LoRA_type": "Standard", "a": ${'{"a":'.repeat(40)}1${'}'.repeat(41)}`;
    expect(fails('deep.json', deep)).toContain('groups 12 deep');
    const many = Object.fromEntries(Array.from({ length: 20_001 }, (_, i) => [`word_${i}`, i]));
    expect(fails('many.json', { ...GUI, ...many })).toContain('holds more than 20000 words');
    expect(fails('large.json', `${JSON.stringify(GUI)}${' '.repeat((16 << 20) + 1)}`)).toMatch(/large/u);
  });

  it('are still valid at ten megabytes, with strings for all values', () => {
    const words = Object.fromEntries(Object.entries(GUI).map(([key, value]) => [key, String(value)]));
    const given = { ...words, gradient_checkpointing: 'True', training_comment: 'x'.repeat(10 << 20), v2: 'False' };
    const { spec, lostText } = imported('ten.json', given);
    expect([spec.training.rank, spec.training.learning_rate, spec.resources.gradient_checkpointing]).toEqual([
      8,
      1e-4,
      'full',
    ]);
    expect(lostText.length).toBeLessThan(400);
  });

  it('hold values that no run can have, which are named one by one', () => {
    const { spec, lostText } = imported('wild.json', {
      ...GUI,
      network_dim: -3,
      unet_lr: 'fast',
      seed: 1e300,
      lora_network_weights: 'D:\\loras\\x.safetensors',
      __proto__: { polluted: true },
    });
    expect(spec.training.rank).toBeGreaterThan(0);
    for (const word of ['network_dim: -3', 'unet_lr: fast', 'seed: 1e+300', 'D:\\loras'])
      expect(lostText).toContain(word);
  });

  it('include LoRAs whose metadata somebody has edited', () => {
    const metadata = {
      ss_sd_model_name: 'sdxl.safetensors',
      ss_network_dim: 'many',
      ss_network_args: '{"conv_dim": ',
      ss_learning_rate: '2e-4',
      ss_optimizer: 'rm -rf /',
      ss_resolution: '(0, -5)',
      ss_num_epochs: '99999999999999999999',
    };
    const { spec, lostText } = imported(
      'edited.safetensors',
      safetensors({ 'lora_unet_x.lora_down.weight': [4, 8] }, metadata),
    );
    expect(spec.training.learning_rate).toBe(2e-4);
    for (const word of ['ss_network_dim: many', 'ss_network_args', 'ss_optimizer', 'ss_resolution'])
      expect(lostText).toContain(word);
  });

  it('are refused when they are for other models or other work', () => {
    expect(fails('flux.json', { ...GUI, LoRA_type: 'Flux1' })).toContain('');
    const reason = (name: string, content: string | object) => {
      try {
        imported(name, content, 'sdxl');
        return 'taken';
      } catch (error) {
        return (error as Error).message;
      }
    };
    expect(reason('flux.json', { ...GUI, LoRA_type: 'Flux1' })).toContain('flux.json is for FLUX');
    expect(reason('two.json', { ...GUI, v2: 'True' })).toContain('is for Stable Diffusion 2');
    const job = (type: string, arch: string) =>
      `job: extension\nconfig:\n  process:\n    - type: ${type}\n      network: {type: lora, linear: 4}\n      model: {name_or_path: x, arch: ${arch}}\n`;
    expect(reason('wan.yaml', job('sd_trainer', 'wan21'))).toContain('is for wan21');
    expect(reason('slider.yaml', job('slider', 'sdxl'))).toContain('(type: slider)');
    expect(reason('sdxl.yaml', job('sd_trainer', 'sdxl'))).toBe('taken');
  });
});
