import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../src/base/errors.ts';
import { loadSpec } from '../../src/engine/prepare/load.ts';
import { lostWords } from '../../src/spec/foreign/lost.ts';
import { foreignWords } from '../../src/spec/foreign/words.ts';
import { convert, foreignWord, schemaOf } from '../../src/spec/foreign.ts';
import { findKey } from '../../src/spec/keys.ts';
import { testRegistry as registry } from '../helpers/registry.ts';

const folder = mkdtempSync(join(tmpdir(), 'vt-foreign-'));
const file = join(folder, 'run.yaml');
mkdirSync(join(folder, 'pics', '3_zwx'), { recursive: true });
for (const name of ['a.png', 'b.jpg', 'c.webp', 'd.PNG', 'a.txt', '.hidden.png'])
  writeFileSync(join(folder, 'pics', name), 'x');
for (const name of ['e.png', 'f.png']) writeFileSync(join(folder, 'pics', '3_zwx', name), 'x');

function told(text: string, overrides: string[] = []): readonly string[] {
  writeFileSync(file, text);
  try {
    loadSpec(file, { registry, overrides });
  } catch (error) {
    if (error instanceof ConfigError)
      return error.problems.map(({ line, key, message }) => `${line ?? ''} ${key} ${message}`);
    throw error;
  }
  throw new Error('no problem was found');
}

/** A value, for each conversion, that a file of another trainer may give a key. */
const brought: Record<string, unknown> = {
  precision: 'bfloat16',
  packing: 'int8-quanto',
  optimizer: 'AdamW8bit',
  schedule: 'CONSTANT',
  side: '512,768',
  card: '1',
  extension: 'caption',
  prompts: 'zwx, a toy',
  loss: 'mse',
  percent: 10,
  sampler: 'k_euler_a',
  layersSkipped: 1,
  checkpointing: true,
  zeroIsOff: 0,
  firstBeta: 0.95,
  secondBeta: 0.99,
  zeroIfFalse: false,
  weighting: 'MIN_SNR_GAMMA',
  iterations: 6,
  discount: 0.3,
  perturbation: 0.1,
  leastTimestep: 100,
  leastRank: 2,
  mostTimestep: 900,
  distribution: 'LOGIT_NORMAL',
  power: 2,
  floor: 0.1,
  outside: 0.1,
  colorAug: true,
  unmaskedShare: 0.1,
  regularisation: './reg',
  adapter: 'LoKr',
  lokrFactor: 8,
  layerSet: 'attn-only',
  untilPercent: 40,
  leastNoise: 0.1,
  mostNoise: 0.8,
  sides: '512, 768',
  vaeScale: 0.1406,
  vaeShift: -0.4743,
};

describe('the table of keys of other trainers', () => {
  it.each(foreignWords.map((word) => [word.names[0], word] as const))(
    '%s leads to a key that there is',
    (_name, word) => {
      expect(findKey(word.key)).toBeDefined();
      expect(schemaOf(word.key)).toBeDefined();
      if (word.as !== undefined && word.as !== 'epochs')
        expect(convert(word, brought[word.as] ?? true)).not.toBeUndefined();
      for (const name of word.names) expect(foreignWord(name, undefined)).toContain(`here it is ${word.key}`);
    },
  );

  it('holds each key once, spelt as it is looked up', () => {
    const names = [...foreignWords, ...lostWords].flatMap((word) => word.names);
    expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
    expect(names.filter((name) => !/^[a-z0-9_]+$/.test(name))).toEqual([]);
  });

  it.each(lostWords.flatMap(({ names, say }) => names.map((name) => [name, say])))('%s: %s', (name = '', say) => {
    expect(foreignWord(name, true)).toBe(`no such setting: ${say}`);
  });

  it('names only keys that exist here', () => {
    const named = lostWords.flatMap(
      ({ say }) => say.match(/\b(?:dataset|training|resources|output|samples)\.\w+/gu) ?? [],
    );
    expect(named.length).toBeGreaterThan(1);
    expect(named.filter((key) => findKey(key) === undefined)).toEqual([]);
  });
});

describe('values', () => {
  it.each([
    ['network_dim', 16, 'training.rank: 16'],
    ['network_dim', '16', 'training.rank: 16'],
    ['network_dim', 16.5, 'training.rank'],
    ['--max-train-steps', 1600, undefined],
    ['max-train-steps', 1600, 'training.steps: 1600'],
    ['LR', '1e-4', 'training.learning_rate: 1.0e-4'],
    ['text_encoder_lr', [5e-5, 1e-5], 'training.text_encoder_learning_rate: [5.0e-5, 1.0e-5]'],
    ['network_train_unet_only', true, 'training.text_encoder_learning_rate: 0'],
    ['train_text_encoder', true, 'training.text_encoder_learning_rate'],
    ['optimizer_type', 'PagedAdamW8bit', 'training.optimizer: adamw8bit'],
    ['optimizer_type', 'prodigyplus.ProdigyPlusScheduleFree', 'training.optimizer: prodigy_schedulefree'],
    ['optimizer_type', 'AdamWScheduleFree', 'training.optimizer: adamw_schedulefree'],
    ['optimizer_type', 'Lion', 'training.optimizer: lion'],
    ['lr_scheduler', 'constant_with_warmup', 'training.schedule: constant'],
    ['lr_scheduler', 'cosine_with_restarts', 'training.schedule: cosine_with_restarts'],
    ['lr_warmup_steps', 100, 'training.warmup: 100'],
    ['lr_warmup', 10, 'training.warmup: 0.1 (a share, where kohya_ss has a percentage)'],
    ['adam_beta2', 0.99, 'training.betas: [0.9, 0.99]'],
    ['mixed_precision', 'bf16', 'resources.precision: bf16'],
    ['mixed_precision', 'no', 'resources.precision: fp32'],
    ['train_dtype', 'BFLOAT_16', 'resources.precision: bf16'],
    ['dtype', 'torch.float16', 'resources.precision: fp16'],
    ['output_dtype', 'FLOAT_32', 'output.precision: fp32'],
    ['mixed_precision', 'fp8', 'resources.precision'],
    ['fp8_base', true, 'resources.base_precision: fp8'],
    [
      'base_model_precision',
      'int8-quanto',
      'resources.base_precision: int8 (it is kept so and computed with in resources.precision)',
    ],
    [
      'unet_weight_dtype',
      'NFLOAT_4',
      'resources.base_precision: nf4 (it is kept so and computed with in resources.precision)',
    ],
    [
      'unet_weight_dtype',
      'BFLOAT_16',
      'resources.base_precision: same (it is kept so and computed with in resources.precision)',
    ],
    ['v_parameterization', 'True', 'model.prediction: v_prediction'],
    ['v_parameterization', false, 'model.prediction: epsilon'],
    ['random_crop', true, 'dataset.crop: random'],
    ['max_resolution', '1024,1024', 'dataset.resolution: 1024'],
    ['max_resolution', [512, 768], 'dataset.resolution: 624'],
    ['max_resolution', [512, 768, 1024], 'dataset.resolution: [512, 768, 1024]'],
    ['caption_ext', 'caption', 'dataset.caption_extension: .caption'],
    ['validation_prompt', 'zwx, a toy', 'samples.prompts: ["zwx, a toy"]'],
    ['snr_gamma', 0, 'training.min_snr_gamma: null'],
    ['snr_gamma', 5, 'training.min_snr_gamma: 5'],
    ['text_encoder_layer_skip', 1, 'model.clip_skip: 2'],
    ['output_name', 'my fox', 'name'],
    ['output_name', 'fox-v2', 'name: fox-v2'],
    ['train_data_dir', './pics', 'dataset.path: ./pics'],
    ['gpu_ids', 0, 'resources.device: "cuda:0"'],
    ['keep_tokens', 2, 'dataset.keep_tags: 2'],
    ['network_dropout', 0.1, 'training.dropout: 0.1 (of what goes into each layer)'],
    ['epochs', 10, 'training.steps: "10 epochs"'],
    ['banana', 1, undefined],
  ])('%s %j: %s', (name, value, ours) => {
    expect(foreignWord(name, value)).toBe(ours === undefined ? undefined : `no such setting: here it is ${ours}`);
  });
});

describe('a file with keys of other trainers', () => {
  it('is answered with all of them, wherever they stand', () => {
    const text = `version: 1
dataset: {path: ./pics, num_repeats: 10, class_tokens: zwx}
model: {base: sd15, v2: false}
training:
  max_train_epochs: 10
  train_batch_size: 2
  rank: 8
  mixed_precision: bf16
  lerning_rate: 1
network_dim: 16
guidance: 7
save_every_n_epochs: 1
`;
    expect(told(text)).toEqual([
      '2 dataset.num_repeats no such setting: here it is dataset.repeats: 10',
      '2 dataset.class_tokens no such setting: here it is dataset.trigger: zwx',
      '3 model.v2 no such setting: the kind of model is read from the model itself: remove the line',
      '5 training.max_train_epochs no such setting: here it is training.steps: "10 epochs" (about 500 steps, with 100 pictures, 2 a step)',
      '6 training.train_batch_size no such setting: here it is training.batch_size: 2',
      '8 training.mixed_precision no such setting: here it is resources.precision: bf16',
      '9 training.lerning_rate no such setting; did you mean learning_rate?',
      '10 network_dim no such setting: here it is training.rank: 16',
      '11 guidance no such setting here: samples.guidance?',
      '12 save_every_n_epochs no such setting: here it is output.save_every: "1 epoch" (about 50 steps, with 100 pictures, 2 a step)',
    ]);
  });

  it('is answered for groups that do not exist here too', () => {
    const text = `version: 1
config:
  name: zwx
  process:
    - network: {type: lora, linear: 16, linear_alpha: 8}
      train: {lr: 1e-4, dtype: bf16}
      datasets:
        - folder_path: ./pics
`;
    const found = told(text);
    for (const line of [
      '5 config.process.0.network.linear no such setting: here it is training.rank: 16',
      '5 config.process.0.network.linear_alpha no such setting: here it is training.alpha: 8',
      '6 config.process.0.train.lr no such setting: here it is training.learning_rate: 1.0e-4',
      '6 config.process.0.train.dtype no such setting: here it is resources.precision: bf16',
      '8 config.process.0.datasets.0.folder_path no such setting: here it is dataset.path: ./pics',
    ])
      expect(found).toContain(line);
  });

  it('is answered in --set too', () => {
    expect(
      told('version: 1\ndataset: {path: ./pics}\nmodel: {base: sd15}\n', ['network_dim=16', 'training.lr=1e-4']),
    ).toEqual([
      ' network_dim no such setting: here it is training.rank: 16',
      ' training.lr no such setting: here it is training.learning_rate: 1.0e-4',
    ]);
  });

  it('counts no epochs of a folder that is not there', () => {
    expect(told('version: 1\ndataset: {path: ./none}\nmodel: {base: sd15}\ntraining: {epochs: 3}\n')).toEqual([
      '4 training.epochs no such setting: here it is training.steps: "3 epochs"',
    ]);
  });
});
