/** Rules between the keys of `training` that decide loss, noise, timesteps and schedule. */
import type { z } from 'zod';
import type { lossKeys } from './loss-keys.ts';
import { type Rule as RuleOf, when } from './rule.ts';
import type { scheduleKeys } from './schedule-keys.ts';

type Training = z.output<z.ZodObject<typeof lossKeys & typeof scheduleKeys>> & {
  readonly optimizer: string;
  readonly max_weight_norm: number | null;
};

/** The part of run.yaml that these rules check. */
interface Ruled {
  readonly model: { readonly prediction: string; readonly zero_terminal_snr: boolean };
  readonly training: Training;
}

type Rule = RuleOf<Ruled>;

/** The schedules that each setting of `schedule_args` belongs to. */
const ARGS_OF: Readonly<Record<keyof NonNullable<Training['schedule_args']>, readonly Training['schedule'][]>> = {
  floor: ['linear', 'cosine', 'cosine_with_restarts', 'polynomial', 'rex', 'warmup_stable_decay', 'inverse_sqrt'],
  decay: ['cosine_with_restarts'],
  power: ['polynomial'],
  d: ['rex'],
  stable: ['warmup_stable_decay'],
  points: ['piecewise'],
};

/** Values that mean "not given". */
const USUAL: NonNullable<Training['schedule_args']> = { floor: 0, decay: 1, power: 1, d: 0.9, stable: 0.7, points: [] };

const names = Object.keys(ARGS_OF) as (keyof typeof ARGS_OF)[];

const scheduleRules: readonly Rule[] = [
  {
    key: 'training.schedule_args',
    level: 'error',
    check: ({ training: { schedule_args: args, schedule } }) => {
      if (args === null) return undefined;
      const wrong = names.find(
        (name) => JSON.stringify(args[name]) !== JSON.stringify(USUAL[name]) && !ARGS_OF[name].includes(schedule),
      );
      return wrong === undefined
        ? undefined
        : `has ${wrong}, which is for the schedule ${ARGS_OF[wrong].join(', ')} and not for ${schedule}: remove it`;
    },
  },
  {
    key: 'training.schedule_args',
    level: 'error',
    check: ({ training: { schedule_args: args, schedule } }) =>
      when(
        schedule === 'piecewise' && (args?.points ?? []).length === 0,
        'needs points for the schedule piecewise, such as {points: [[0, 1], [0.7, 1], [1, 0.1]]}',
      ),
  },
  {
    key: 'training.schedule_args',
    level: 'error',
    check: ({ training: { schedule_args: args } }) =>
      when(
        (args?.points ?? []).some(([at], i, all) => i > 0 && at <= (all[i - 1]?.[0] ?? 0)),
        'has points whose shares do not rise from corner to corner',
      ),
  },
  {
    key: 'training.schedule',
    level: 'error',
    check: ({ training: t }) =>
      when(
        t.schedule === 'inverse_sqrt' && t.warmup === 0,
        'inverse_sqrt falls from the end of the warm-up: write a warmup above 0, such as 0.05',
      ),
  },
];

const noiseRules: readonly Rule[] = [
  {
    key: 'training.multires_noise',
    level: 'error',
    check: ({ training: t }) =>
      when(
        t.multires_noise !== null && (t.noise_offset > 0 || t.noise_offset_adaptive !== 0),
        'and noise_offset both lift the low frequencies: write null here, or noise_offset: 0',
      ),
  },
  {
    key: 'training.multires_noise',
    level: 'warning',
    check: ({ model: m, training: t }) =>
      when(
        m.zero_terminal_snr && t.multires_noise !== null,
        'is not needed with zero_terminal_snr, which already teaches low frequencies',
      ),
  },
  {
    key: 'training.noise_offset_adaptive',
    level: 'error',
    check: ({ model: m, training: t }) =>
      when(
        m.zero_terminal_snr && t.noise_offset_adaptive !== 0,
        'must be 0 with zero_terminal_snr, which already does its work',
      ),
  },
  {
    key: 'training.noise_offset_random',
    level: 'warning',
    check: ({ training: t }) =>
      when(t.noise_offset_random && t.noise_offset === 0, 'has an effect with noise_offset above 0 only'),
  },
  {
    key: 'training.input_perturbation',
    level: 'warning',
    check: ({ model: m, training: t }) =>
      when(
        m.zero_terminal_snr && t.input_perturbation !== null,
        'makes the last timestep of zero_terminal_snr noisier than noise, which no sampler starts from',
      ),
  },
  {
    key: 'training.timesteps',
    level: 'error',
    check: ({ training: { timesteps: t } }) =>
      when(t !== null && t.min >= t.max, `has min ${t?.min}, which must be below max ${t?.max}`),
  },
  {
    key: 'training.timesteps',
    level: 'error',
    check: ({ training: { timesteps: t } }) =>
      when(
        t !== null && t.distribution === 'heavy_tail' && t.weight > 1.75,
        `has weight ${t?.weight}, which is 1.75 at most for heavy_tail: above it timesteps would lie outside the range`,
      ),
  },
  {
    key: 'training.timesteps',
    level: 'error',
    check: ({ training: { timesteps: t } }) =>
      when(
        t !== null && t.bias !== 0 && !['logit_normal', 'sigmoid'].includes(t.distribution),
        `has bias, which is for the distributions logit_normal and sigmoid and not for ${t?.distribution}: remove it`,
      ),
  },
  {
    key: 'training.timesteps',
    level: 'error',
    check: ({ training: { timesteps: t } }) =>
      when(
        t !== null && t.weight !== 0 && ['uniform', 'cosine'].includes(t.distribution),
        `has weight, which is for the distributions logit_normal, sigmoid and heavy_tail and not for ${t?.distribution}: remove it`,
      ),
  },
];

const vanishing = ({ training: t }: Ruled) =>
  t.scale_v_loss || (['min_snr', 'soft_min_snr'].includes(t.loss_weighting) && t.min_snr_gamma !== null);

const weightingRules: readonly Rule[] = [
  {
    key: 'training.loss_weighting',
    level: 'error',
    check: ({ training: t }) =>
      when(
        t.loss_weighting === 'soft_min_snr' && t.min_snr_gamma === null,
        'soft_min_snr needs its gamma: write min_snr_gamma: 5',
      ),
  },
  {
    key: 'training.loss_weighting',
    level: 'error',
    check: ({ model: m, training: t }) =>
      when(
        t.loss_weighting === 'p2' && m.prediction === 'v_prediction',
        'p2 is made for bases that predict noise: write debiased, or none',
      ),
  },
  {
    key: 'training.scale_v_loss',
    level: 'error',
    check: ({ model: m, training: t }) =>
      when(
        t.scale_v_loss && m.prediction !== 'v_prediction',
        `is for velocity bases; this one predicts ${m.prediction === 'flow' ? 'flow' : 'noise'}: write false`,
      ),
  },
  {
    key: 'training.v_like_loss',
    level: 'error',
    check: ({ model: m, training: t }) =>
      when(
        t.v_like_loss > 0 && m.prediction !== 'epsilon',
        `is for bases that predict noise; this one predicts ${m.prediction === 'flow' ? 'flow' : 'velocity'}: write 0`,
      ),
  },
  {
    key: 'training.min_snr_gamma',
    level: 'warning',
    check: ({ model: m, training: t }) =>
      when(
        m.prediction === 'v_prediction' &&
          !m.zero_terminal_snr &&
          t.loss_weighting === 'min_snr' &&
          t.min_snr_gamma !== null,
        'velocity bases are usually trained without it: null',
      ),
  },
  {
    key: 'training.loss_weighting',
    level: 'warning',
    check: (spec) =>
      when(
        spec.model.zero_terminal_snr && vanishing(spec),
        'gives the last timestep of zero_terminal_snr the weight 0, so that nothing is learned there: debiased or none teach it',
      ),
  },
  {
    key: 'training.max_weight_norm',
    level: 'warning',
    check: ({ training: t }) =>
      when(
        t.max_weight_norm !== null && t.optimizer === 'prodigy',
        'shortens what prodigy measures its rate by, so that the rate may grow too far: write null, or take another optimizer',
      ),
  },
];

export const trainingRules: readonly Rule[] = [...scheduleRules, ...noiseRules, ...weightingRules];
