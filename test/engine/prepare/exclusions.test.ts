/**
 * Which settings exclude each other, as one table: each pair is refused or warned of, and each setting alone is
 * accepted.
 *
 * What stands together but changes what is computed is tested where it is: an image without a mask counts whole and
 * masks follow crops and angles (trainer/tests/data/test_masks.py), worst cases of random captions and of several
 * resolutions (test/engine/plan), the base in 8 bits with trained text encoders (trainer/tests/run/test_small_cards.py),
 * hooks of another's file (test/engine/hooks). Epochs and steps are one key, which holds one of both.
 */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../../src/base/errors.ts';
import { loadSpec } from '../../../src/engine/prepare/load.ts';
import { findings } from '../../../src/spec/rules.ts';
import { testRegistry as registry } from '../../helpers/registry.ts';

const file = join(mkdtempSync(join(tmpdir(), 'vt-exclusions-')), 'run.yaml');

/** Problems of a run.yaml for `base` with `--set` of each text: errors, or warnings where there are no errors. */
function found(base: string, set: readonly string[]): { level: 'error' | 'warning'; lines: readonly string[] } {
  writeFileSync(file, `version: 1\ndataset:\n  path: my foxes\n  trigger: zfx\nmodel:\n  base: ${base}\n`);
  try {
    const { spec } = loadSpec(file, { registry, overrides: [...set] });
    return { level: 'warning', lines: findings(spec, 'warning').map(({ key, message }) => `${key} ${message}`) };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { level: 'error', lines: error.problems.map(({ key, message }) => `${key} ${message}`) };
  }
}

interface Row {
  readonly level: 'error' | 'warning';
  /** Settings that both need, then the two settings, each of which alone is accepted. */
  readonly both?: readonly string[];
  readonly one: readonly string[];
  readonly other: readonly string[];
  readonly says: RegExp;
  readonly base?: string;
}

const t = (name: string, value: unknown) => `training.${name}=${JSON.stringify(value)}`;
const CONSTANT = t('schedule', 'constant');
const FREE = [t('optimizer', 'adamw_schedulefree'), CONSTANT];
const PRODIGY = [t('optimizer', 'prodigy'), t('learning_rate', 1), t('text_encoder_learning_rate', 0)];
const FREE_PRODIGY = [...PRODIGY.slice(1), t('optimizer', 'prodigy_schedulefree'), CONSTANT];
const VELOCITY = 'noobai-v';

const table: Readonly<Record<string, Row>> = {
  'schedule-free × a schedule': {
    level: 'error',
    one: [t('optimizer', 'adamw_schedulefree'), CONSTANT],
    other: [t('schedule', 'rex')],
    says: /^training\.schedule is rex, .*: write constant$/u,
  },
  'schedule-free × EMA': {
    level: 'error',
    one: FREE,
    other: [t('ema', { decay: 0.99 })],
    says: /^training\.ema would average .*: write null$/u,
  },
  'schedule-free Prodigy × EMA': {
    level: 'error',
    one: FREE_PRODIGY,
    other: [t('ema', { decay: 0.99 })],
    says: /^training\.ema would average what prodigy_schedulefree .*: write null$/u,
  },
  'schedule-free × norm cap': {
    level: 'error',
    one: FREE,
    other: [t('max_weight_norm', 1)],
    says: /^training\.max_weight_norm would shorten .*: write null$/u,
  },
  'Prodigy × different rates': {
    level: 'error',
    one: PRODIGY,
    other: [t('text_encoder_learning_rate', 0.0001)],
    says: /^training\.text_encoder_learning_rate prodigy has one rate/u,
  },
  'Prodigy × LoRA+': {
    level: 'error',
    one: PRODIGY,
    other: [t('lora_plus_ratio', 4)],
    says: /^training\.lora_plus_ratio gives weights different rates/u,
  },
  'Prodigy × an embedding’s rate': {
    level: 'error',
    one: PRODIGY,
    other: [t('pivotal', { tokens: 1 })],
    says: /^training\.pivotal has a rate of its own, and prodigy has one for all: write learning_rate: 1 in it/u,
  },
  'an embedding × preservation': {
    level: 'error',
    one: [t('pivotal', { tokens: 1 })],
    other: [t('preservation', { class_word: 'fox' }), t('text_encoder_learning_rate', 0)],
    says: /^training\.pivotal encodes captions in every step, .*: write null for one of them$/u,
  },
  'an embedding × no trigger': {
    level: 'error',
    one: [t('pivotal', { tokens: 1 })],
    other: ['dataset.trigger=""'],
    says: /^training\.pivotal trains an embedding for the trigger, .*: set dataset\.trigger$/u,
  },
  'Prodigy × rates of layers': {
    level: 'error',
    one: PRODIGY,
    other: [t('layers', [{ match: 'style', rate: 2 }])],
    says: /^training\.layers gives layers different rates/u,
  },
  'Prodigy × a rate for others': {
    level: 'error',
    one: PRODIGY,
    other: [t('learning_rate', 0.0001)],
    says: /^training\.learning_rate is a rate for other optimizers: prodigy .* Write 1$/u,
  },
  'came × a rate for adamw': {
    level: 'warning',
    one: [t('optimizer', 'came'), t('learning_rate', 1e-5)],
    other: [t('learning_rate', 4e-4)],
    says: /^training\.learning_rate is high for came, .*: a tenth of its rate is safe, such as 1e-5$/u,
  },
  'lion × a rate for adamw': {
    level: 'warning',
    one: [t('optimizer', 'lion'), t('learning_rate', 3e-5)],
    other: [t('learning_rate', 4e-4)],
    says: /^training\.learning_rate is high for lion, /u,
  },
  'Prodigy × norm cap': {
    level: 'warning',
    one: PRODIGY,
    other: [t('max_weight_norm', 1)],
    says: /^training\.max_weight_norm shortens what prodigy measures/u,
  },
  'an optimiser × another’s argument': {
    level: 'error',
    one: [t('optimizer', 'lion'), t('learning_rate', 3e-5)],
    other: [t('optimizer_args', { eps: 1e-6 })],
    says: /^training\.optimizer_args has eps, which lion does not take/u,
  },
  'multi-resolution noise × noise offset': {
    level: 'error',
    one: [t('multires_noise', { iterations: 6, discount: 0.3 })],
    other: [t('noise_offset', 0.05)],
    says: /^training\.multires_noise and noise_offset both lift/u,
  },
  'zero terminal SNR × min-SNR': {
    level: 'warning',
    base: VELOCITY,
    one: [],
    other: [t('loss_weighting', 'min_snr'), t('min_snr_gamma', 5)],
    says: /^training\.loss_weighting gives the last timestep .* the weight 0/u,
  },
  'zero terminal SNR × scaled v loss': {
    level: 'warning',
    base: VELOCITY,
    one: [],
    other: [t('scale_v_loss', true)],
    says: /^training\.loss_weighting gives the last timestep .* the weight 0/u,
  },
  'zero terminal SNR × perturbation': {
    level: 'warning',
    base: VELOCITY,
    one: [],
    other: [t('input_perturbation', { strength: 0.1 })],
    says: /^training\.input_perturbation makes the last timestep/u,
  },
  'zero terminal SNR × noise offset': {
    level: 'error',
    base: VELOCITY,
    one: [],
    other: [t('noise_offset', 0.05)],
    says: /^training\.noise_offset /u,
  },
  'noise prediction × scaled v loss': {
    level: 'error',
    one: [],
    other: [t('scale_v_loss', true)],
    says: /^training\.scale_v_loss is for velocity bases/u,
  },
  'velocity × a loss like velocity’s': {
    level: 'error',
    base: VELOCITY,
    one: [],
    other: [t('v_like_loss', 0.2)],
    says: /^training\.v_like_loss is for bases that predict noise/u,
  },
  'velocity × P2': {
    level: 'error',
    base: VELOCITY,
    one: [],
    other: [t('loss_weighting', 'p2')],
    says: /^training\.loss_weighting p2 is made for bases that predict noise/u,
  },
  'LoKr × diffusers': {
    level: 'error',
    one: [t('adapter', 'lokr')],
    other: ['output.diffusers=true'],
    says: /^output\.diffusers diffusers reads no lokr/u,
  },
  'LoHa × diffusers': {
    level: 'error',
    one: [t('adapter', 'loha')],
    other: ['output.diffusers=true'],
    says: /^output\.diffusers diffusers reads no loha/u,
  },
  'DoRA × diffusers': {
    level: 'error',
    one: [t('dora', true)],
    other: ['output.diffusers=true'],
    says: /^output\.diffusers diffusers reads no dora/u,
  },
  'LoHa × DoRA': {
    level: 'error',
    one: [t('adapter', 'loha')],
    other: [t('dora', true)],
    says: /^training\.dora is for adapter: lora/u,
  },
  'LoKr × rank dropout': {
    level: 'error',
    one: [t('adapter', 'lokr')],
    other: [t('rank_dropout', 0.1)],
    says: /^training\.rank_dropout is for adapter: lora/u,
  },
  'LoHa × T-LoRA': {
    level: 'error',
    one: [t('adapter', 'loha')],
    other: [t('t_lora', { min_rank: 1 })],
    says: /^training\.t_lora is for adapter: lora/u,
  },
  'T-LoRA × a rank that is no more': {
    level: 'error',
    one: [t('t_lora', { min_rank: 4 })],
    other: [t('rank', 4), t('alpha', 4)],
    says: /^training\.t_lora has min_rank 4, which must be below the rank 4/u,
  },
  'preservation × trained text encoders': {
    level: 'error',
    both: [t('text_encoder_learning_rate', 0)],
    one: [t('preservation', { class_word: 'fox' })],
    other: [t('text_encoder_learning_rate', 0.0001)],
    says: /^training\.preservation needs a text encoder that stays/u,
  },
  'preservation of a class × no trigger': {
    level: 'error',
    both: [t('text_encoder_learning_rate', 0)],
    one: [t('preservation', { class_word: 'fox' })],
    other: ['dataset.trigger='],
    says: /^training\.preservation has a class_word, which stands in place of the trigger/u,
  },
  'packed weights × compile': {
    level: 'error',
    one: ['resources.base_precision=int8'],
    other: ['resources.compile=true'],
    says: /^resources\./u,
  },
};

/** Settings that a base of rectified flow refuses, each with the end of its message. */
const beside: readonly (readonly [string, RegExp])[] = [
  [t('loss_weighting', 'soft_min_snr'), /^training\.loss_weighting .*: write none$/u],
  [t('loss_weighting', 'debiased'), /^training\.loss_weighting .*: write none$/u],
  [t('noise_offset', 0.05), /^training\.noise_offset .*: write 0$/u],
  [t('multires_noise', { iterations: 6 }), /^training\.multires_noise .*: write null$/u],
  [t('input_perturbation', { strength: 0.1 }), /^training\.input_perturbation .*: write null$/u],
  [t('v_like_loss', 0.1), /^training\.v_like_loss .* this one predicts flow: write 0$/u],
  ['model.zero_terminal_snr=true', /^model\.zero_terminal_snr needs prediction: v_prediction .*: write false$/u],
  ['samples.sampler=euler_a', /^samples\.sampler .*: write euler$/u],
  ['samples.spacing=karras', /^samples\.spacing .*: write trailing or normal$/u],
];

describe('settings that exclude each other', () => {
  it.each(Object.entries(table))('%s', (_, { level, both = [], one, other, says, base = 'sd15' }) => {
    const at = (...set: readonly (readonly string[])[]) => found(base, [...both, ...set.flat()]);
    const together = at(one, other);
    expect(together.level).toBe(level);
    expect(together.lines).toContainEqual(expect.stringMatching(says));
    // The first alone is accepted, so the pair is what is refused.
    expect(at(one).level).toBe('warning');
    expect(at(one).lines).not.toContainEqual(expect.stringMatching(says));
  });

  it.each(beside)('rectified flow × %s', (setting, says) => {
    const flow = ['training.min_snr_gamma=null', 'training.loss_weighting=none', 'samples.sampler=euler'];
    const path = 'sdxl-of-flow';
    const own = registry.models.find(({ id }) => id === 'sdxl');
    if (own === undefined) throw new Error('The test registry has no sdxl.');
    const models = [...registry.models, { ...own, id: path, aliases: [], prediction: 'flow' as const }];
    writeFileSync(file, `version: 1\ndataset:\n  path: my foxes\nmodel:\n  base: ${path}\n`);
    const load = (set: readonly string[]) =>
      loadSpec(file, { registry: { ...registry, models }, overrides: [...set] }).spec;
    // The recipe of SDXL is changed to what such a base needs, without a setting by the person.
    expect(load([]).training).toMatchObject({ min_snr_gamma: null, loss_weighting: 'none', noise_offset: 0 });
    expect(load(flow).model).toMatchObject({ prediction: 'flow', flow_shift: 2.5 });
    try {
      load([setting]);
    } catch (error) {
      const lines = (error as ConfigError).problems.map(({ key, message }) => `${key} ${message}`);
      expect(lines).toContainEqual(expect.stringMatching(says));
      return;
    }
    throw new Error('It was taken.');
  });
});
