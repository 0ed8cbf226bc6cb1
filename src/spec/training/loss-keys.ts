/** Keys of the section `training` that decide the loss, the noise and the timesteps. */
import { z } from 'zod';
import { count, doc, part, share } from './doc.ts';

export const losses = ['l2', 'l1', 'huber', 'smooth_l1'] as const;
export const huberSchedules = ['snr', 'exponential', 'constant'] as const;
export const lossWeightings = ['min_snr', 'soft_min_snr', 'debiased', 'p2', 'none'] as const;
export const timestepDistributions = ['uniform', 'logit_normal', 'sigmoid', 'cosine', 'heavy_tail'] as const;

/** Noise of several resolutions. */
export const multiresSchema = z.strictObject({
  iterations: part(count(1, 10).default(6), 'How many coarser noises are added, each 2 to 4 times coarser.'),
  discount: part(z.number().min(0).max(0.9).default(0.3), 'Share that each coarser noise has of the one before.'),
});

/** Noise that the input has and the target lacks. */
export const perturbationSchema = z.strictObject({
  strength: part(z.number().positive().max(1).default(0.1), 'Standard deviation of the added noise.'),
  random: part(z.boolean().default(false), 'Draw the strength of each use between 0 and this.'),
});

/** Which timesteps are trained, and how often each. */
export const timestepsSchema = z.strictObject({
  min: part(count(0, 999).default(0), 'First timestep that is trained; small ones are detail.'),
  max: part(count(1, 1000).default(1000), 'Timesteps from here on are not trained; large ones are composition.'),
  distribution: part(z.enum(timestepDistributions).default('uniform'), 'How often each timestep is drawn.'),
  bias: part(
    z.number().min(-5).max(5).default(0),
    'Moves the middle of logit_normal and sigmoid: above 0 to noisier timesteps.',
  ),
  weight: part(
    z.number().min(-0.9).max(10).default(0),
    'Width of logit_normal (1 + weight), slope of sigmoid, tail of heavy_tail (at most 1.75).',
  ),
  spread: part(
    z.boolean().default(false),
    'Spread the timesteps of a step evenly: one in each equal part of the range.',
  ),
});

export const lossKeys = {
  loss: doc(
    z.enum(losses).default('l2'),
    'Loss function: square (l2), absolute (l1), pseudo-Huber (huber) or its scaled form (smooth_l1), as sd-scripts has them.',
    'huber minds outliers less, such as odd pictures in a set.',
  ),
  huber_c: doc(
    z.number().positive().max(10).default(0.1),
    'Where huber and smooth_l1 turn from square to straight.',
    'Smaller minds outliers less.',
  ),
  huber_schedule: doc(
    z.enum(huberSchedules).default('snr'),
    'How huber_c goes over the timesteps (arXiv:2403.16728): snr and exponential reach it at the noisiest, constant has it everywhere.',
    'Rarely.',
  ),
  huber_scale: doc(
    z.number().positive().max(100).default(1),
    'Factor on huber_c with the schedules constant and exponential.',
    'Rarely.',
  ),
  loss_weighting: doc(
    z.enum(lossWeightings).default('min_snr'),
    'How much each timestep counts: min_snr and soft_min_snr (with min_snr_gamma), debiased (arXiv:2310.08442), p2 (arXiv:2204.00227) or none.',
    'debiased lifts detail more gently than min_snr; with zero terminal SNR only debiased and none teach the last timestep.',
  ),
  min_snr_gamma: doc(
    z.number().positive().max(100).nullable(),
    'Gamma of min-SNR loss weighting (arXiv:2303.09556); null is no weighting.',
    '5 evens out the timesteps; 1 trusts noisy ones most.',
  ),
  p2_gamma: doc(z.number().positive().max(10).default(1), 'Gamma of the loss weighting p2.', 'Rarely.'),
  scale_v_loss: doc(
    z.boolean().default(false),
    'Scale the loss of a velocity base as if it predicted noise: times SNR ÷ (SNR + 1).',
    'Some recipes of velocity bases have it; the last timestep of zero terminal SNR then teaches nothing.',
  ),
  v_like_loss: doc(
    share().default(0),
    'Add this share of the loss as a velocity base would weight it; for bases that predict noise.',
    'Lifts the noisiest timesteps: composition and colour.',
  ),
  noise_offset: doc(
    z.number().min(0).max(1).default(0),
    'Noise shared by a whole channel, so that very dark and bright pictures can be learned.',
    '0.03 to 0.05 for strong contrast; 0 with zero terminal SNR.',
  ),
  noise_offset_random: doc(
    z.boolean().default(false),
    'Draw the noise offset of each use between 0 and noise_offset.',
    'Milder over a whole run.',
  ),
  noise_offset_adaptive: doc(
    z.number().min(-10).max(10).default(0),
    'Add this times the mean of each channel of the picture to noise_offset.',
    'For sets of pictures of very different brightness.',
  ),
  multires_noise: doc(
    multiresSchema.nullable().default(null),
    'Add coarser noises to the noise (pyramid noise), so that low frequencies are learned; null is off.',
    'In place of noise_offset, for brightness and large shapes: {iterations: 6, discount: 0.3}.',
  ),
  input_perturbation: doc(
    perturbationSchema.nullable().default(null),
    'Noise that the picture gets and the target lacks (arXiv:2301.11706); null is off.',
    'Against stiff copies on long runs: {strength: 0.1}.',
  ),
  timesteps: doc(
    timestepsSchema.nullable().default(null),
    'Which timesteps are trained and how often; null is all of them, equally.',
    'min 500 for composition only, max 500 for detail and style; spread makes the loss steadier.',
  ),
};
