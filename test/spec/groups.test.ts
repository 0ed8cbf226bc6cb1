/** Keys of run.yaml whose value is a group of settings, or null. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ConfigError } from '../../src/base/errors.ts';
import { loadSpec } from '../../src/engine/prepare/load.ts';
import { findKey } from '../../src/spec/keys.ts';
import { trainingTasks } from '../../src/spec/training/tasks.ts';
import { renderSpec } from '../../src/spec/write.ts';
import { parse, shown } from '../../src/wizard/questions/setting-values.ts';
import { testRegistry as registry } from '../helpers/registry.ts';

const file = join(mkdtempSync(join(tmpdir(), 'vt-groups-')), 'run.yaml');
const START = 'version: 1\ndataset: {path: ./pics}\nmodel: {base: sd15}\n';

const load = (training: string, overrides: string[] = []) => {
  writeFileSync(file, `${START}training: {${training}}\n`);
  return loadSpec(file, { registry, overrides });
};

function told(training: string, overrides: string[] = []): readonly string[] {
  try {
    load(training, overrides);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map(({ key, message }) => `${key} ${message}`);
  }
}

it('fills settings that a group leaves out, and is read back as it was written', () => {
  const { spec, provenance } = load('multires_noise: {discount: 0.1}');
  expect(spec.training.multires_noise).toEqual({ iterations: 6, discount: 0.1 });
  expect(spec.training.timesteps).toBeNull();
  const text = renderSpec(spec, provenance);
  expect(text).toContain('multires_noise: {iterations: 6, discount: 0.1}');
  writeFileSync(file, text);
  expect(loadSpec(file, { registry }).spec).toEqual(spec);
});

it('takes one of its settings from --set, also where the group was off', () => {
  const { spec } = load('timesteps: {min: 100}', [
    'training.timesteps.max=900',
    'training.multires_noise.iterations=4',
  ]);
  expect(spec.training.timesteps).toMatchObject({ min: 100, max: 900, distribution: 'uniform' });
  expect(spec.training.multires_noise).toEqual({ iterations: 4, discount: 0.3 });
});

it.each([
  ['multires_noise: {iteratons: 4}', 'training.multires_noise.iteratons no such setting; did you mean iterations?'],
  ['multires_noise: {zzz: 4}', 'training.multires_noise.zzz no such setting; there are iterations and discount'],
  ['multires_noise: 6', 'training.multires_noise must be {iterations, discount}, or null; this is 6'],
  ['timesteps: {min: 1.5}', 'training.timesteps.min must be a whole number, 0 to 999; this is 1.5'],
  [
    'timesteps: {distribution: logitnormal}',
    'training.timesteps.distribution must be uniform, logit_normal, sigmoid, cosine or heavy_tail; this is "logitnormal"; did you mean logit_normal?',
  ],
  [
    'multires_noise_iterations: 6',
    'training.multires_noise_iterations no such setting: here it is training.multires_noise: {iterations: 6}',
  ],
  ['loss_type: smooth_l1', 'training.loss_type no such setting: here it is training.loss: smooth_l1'],
  ['min_timestep: 300', 'training.min_timestep no such setting: here it is training.timesteps: {min: 300}'],
])('%s is answered with what to write', (training, answer) => {
  expect(told(training)).toEqual([answer]);
});

it.each([
  ['multires_noise: {iterations: 6}, noise_offset: 0.05', /multires_noise and noise_offset both lift/],
  [
    'schedule_args: {power: 2}, schedule: cosine',
    /schedule_args has power, which is for the schedule polynomial and not/,
  ],
  ['schedule: piecewise', /needs points/],
  ['schedule: piecewise, schedule_args: {points: [[0, 1], [0, 0.5]]}', /do not rise/],
  ['schedule: inverse_sqrt, warmup: 0', /write a warmup above 0/],
  ['timesteps: {min: 500, max: 200}', /min 500, which must be below max 200/],
  ['timesteps: {distribution: heavy_tail, weight: 3}', /1\.75 at most/],
  ['timesteps: {bias: 1}', /has bias, which is for/],
  ['loss_weighting: soft_min_snr, min_snr_gamma: null', /write min_snr_gamma: 5/],
  ['scale_v_loss: true', /this one predicts noise/],
  ['preservation: {class_word: fox}, text_encoder_learning_rate: 0', /set dataset.trigger, or leave class_word empty/],
  ['preservation: {}, text_encoder_learning_rate: 0.0001', /write text_encoder_learning_rate: 0/],
])('%s is refused in words', (training, answer) => {
  expect(told(training)[0]).toMatch(answer);
});

it('is shown and typed in the wizard as YAML writes it', () => {
  const node = findKey('training.multires_noise')?.node ?? {};
  expect(shown({ iterations: 6, discount: 0.3 })).toBe('{iterations: 6, discount: 0.3}');
  expect(parse(node, '{iterations: 4}')).toEqual({ iterations: 4 });
  expect(parse(node, 'none')).toBeNull();
  expect(parse(node, '{iterations')).toBe('{iterations');
  const prompts = findKey('samples.prompts')?.node ?? {};
  expect(parse(prompts, '[cat] | dog')).toEqual(['[cat]', 'dog']);
});

it('every key that a task names is a key of training, once', () => {
  const names = trainingTasks.flatMap((task) => task.names);
  expect(names.filter((name) => findKey(`training.${name}`) === undefined)).toEqual([]);
  expect(new Set(names).size).toBe(names.length);
});
