/**
 * Rules for base models of rectified flow: settings that exist only for the noise schedule of other models, and
 * samplers that cannot be used.
 */
import type { z } from 'zod';
import type { lossKeys } from './loss-keys.ts';
import { type Rule as RuleOf, when } from './rule.ts';

interface Ruled {
  readonly model: { readonly prediction: string };
  readonly training: z.output<z.ZodObject<typeof lossKeys>>;
  readonly samples: { readonly sampler: string; readonly spacing: string };
}

type Rule = RuleOf<Ruled>;

/** A rule that is checked for base models of rectified flow only. */
const ofFlow = (key: string, message: string, wrong: (spec: Ruled) => boolean): Rule => ({
  key,
  level: 'error',
  check: (spec) => when(spec.model.prediction === 'flow' && wrong(spec), message),
});

const PURE = 'is for other bases: one of rectified flow starts from pure noise, and learns large shapes without';

export const flowRules: readonly Rule[] = [
  ofFlow(
    'training.min_snr_gamma',
    'weighs by the noise schedule of epsilon and velocity; rectified flow counts all noise levels alike: write null',
    ({ training: t }) => t.min_snr_gamma !== null && t.loss_weighting === 'min_snr',
  ),
  ofFlow(
    'training.loss_weighting',
    'weighs by the noise schedule of epsilon and velocity; rectified flow counts all noise levels alike: write none',
    ({ training: t }) => !['none', 'min_snr'].includes(t.loss_weighting),
  ),
  ofFlow(
    'training.huber_schedule',
    'snr is made for the noise schedule of epsilon and velocity: write exponential or constant',
    ({ training: t }) => ['huber', 'smooth_l1'].includes(t.loss) && t.huber_schedule === 'snr',
  ),
  ofFlow('training.noise_offset', `${PURE}: write 0`, ({ training: t }) => t.noise_offset > 0),
  ofFlow('training.noise_offset_adaptive', `${PURE}: write 0`, ({ training: t }) => t.noise_offset_adaptive !== 0),
  ofFlow('training.multires_noise', `${PURE}: write null`, ({ training: t }) => t.multires_noise !== null),
  ofFlow(
    'training.input_perturbation',
    'makes an input noisier than its noise level says, which rectified flow reads off it: write null',
    ({ training: t }) => t.input_perturbation !== null,
  ),
  ofFlow(
    'samples.sampler',
    'is none of rectified flow, whose path is straight: write euler',
    ({ samples: s }) => !['ddim', 'euler'].includes(s.sampler),
  ),
  ofFlow(
    'samples.spacing',
    'karras spaces another kind of noise levels: write trailing or normal',
    ({ samples: s }) => s.spacing === 'karras',
  ),
];
