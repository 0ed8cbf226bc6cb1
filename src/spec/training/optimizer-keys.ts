/** Keys of the section `training` that decide the optimiser. */
import { z } from 'zod';
import { count, doc, part, share } from './doc.ts';

export const optimizers = [
  'adamw',
  'adamw8bit',
  'adafactor',
  'prodigy',
  'lion',
  'came',
  'adamw_schedulefree',
  'prodigy_schedulefree',
] as const;

const small = () => z.number().positive().max(1);

/** Arguments of optimisers. Each belongs to the optimisers that `argsOf` lists; null is the optimiser's own default. */
export const optimizerArgsSchema = z.strictObject({
  eps: part(
    small().nullable().default(null),
    'adamw, adamw8bit, adamw_schedulefree, prodigy, prodigy_schedulefree (1e-8): what keeps a step finite.',
  ),
  amsgrad: part(z.boolean().nullable().default(null), 'adamw (false): divide by the largest average so far.'),
  scale_parameter: part(
    z.boolean().nullable().default(null),
    'adafactor (false): scale the rate by the size of the weights.',
  ),
  clip_threshold: part(
    z.number().positive().max(100).nullable().default(null),
    'adafactor, came (1): longest step of a layer, as a mean square.',
  ),
  decay_rate: part(
    z.number().min(-1).max(0).nullable().default(null),
    'adafactor (-0.8): how fast the average of squares forgets.',
  ),
  d0: part(small().nullable().default(null), 'prodigy, prodigy_schedulefree (1e-6): first guess of the rate.'),
  d_coef: part(
    z.number().positive().max(100).nullable().default(null),
    'prodigy, prodigy_schedulefree (1): factor on the rate that it finds; 0.5 to 2 is usual.',
  ),
  growth_rate: part(
    z.number().gt(1).max(1e6).nullable().default(null),
    'prodigy (unbounded): by how much the rate may grow in a step; 1.02 is like a warm-up.',
  ),
  beta3: part(
    share().lt(1).nullable().default(null),
    'prodigy, prodigy_schedulefree (the root of the second beta), came (0.9999): decay of the third average.',
  ),
  safeguard_warmup: part(z.boolean().nullable().default(null), 'prodigy (true): a warm-up does not mislead it.'),
  use_bias_correction: part(z.boolean().nullable().default(null), 'prodigy (true): correct the first averages.'),
  schedulefree_c: part(
    z.number().min(0).max(1000).nullable().default(null),
    'prodigy_schedulefree (0, off): how much newer steps count in the average (arXiv:2507.09846); 10 is as usual, 50 forgets faster.',
  ),
  prodigy_steps: part(
    count(0, 1_000_000).nullable().default(null),
    'prodigy_schedulefree (0, never): after this many steps the rate stays as found.',
  ),
});

type Args = z.output<typeof optimizerArgsSchema>;

/** The arguments that each optimiser takes. */
export const argsOf: Readonly<Record<(typeof optimizers)[number], readonly (keyof Args)[]>> = {
  adamw: ['eps', 'amsgrad'],
  adamw8bit: ['eps'],
  adafactor: ['scale_parameter', 'clip_threshold', 'decay_rate'],
  prodigy: ['eps', 'd0', 'd_coef', 'growth_rate', 'beta3', 'safeguard_warmup', 'use_bias_correction'],
  lion: [],
  came: ['clip_threshold', 'beta3'],
  adamw_schedulefree: ['eps'],
  prodigy_schedulefree: ['eps', 'd0', 'd_coef', 'beta3', 'schedulefree_c', 'prodigy_steps'],
};

export const optimizerKeys = {
  optimizer_args: doc(
    optimizerArgsSchema.nullable().default(null),
    'Arguments of the optimiser; null has its usual ones.',
    'prodigy: {d_coef: 2} learns faster, {d_coef: 0.5} suits small sets.',
  ),
};
