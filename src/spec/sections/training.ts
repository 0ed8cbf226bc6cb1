/** The section `training` of run.yaml: its common keys; those of one task each lie in spec/training. */
import { z } from 'zod';
import { adapterKeys } from '../training/adapter-keys.ts';
import { count, doc, line } from '../training/doc.ts';
import { emaKeys } from '../training/ema-keys.ts';
import { lossKeys } from '../training/loss-keys.ts';
import { optimizerKeys, optimizers } from '../training/optimizer-keys.ts';
import { pivotalKeys } from '../training/pivotal-keys.ts';
import { scheduleKeys } from '../training/schedule-keys.ts';
import { preservationKeys } from '../training/subject-keys.ts';
import { EPOCHS } from './cadence.ts';
import { batchSizesSchema } from './resolution.ts';
import { stepsOr } from './steps.ts';

export const trainingSchema = z.strictObject({
  seed: doc(
    count(0, 2 ** 32 - 1).default(42),
    'All randomness of the run comes from it.',
    'Another seed is another, equally good run.',
  ),
  steps: doc(
    stepsOr(1, EPOCHS, '10 epochs'),
    'Length of the run: optimiser steps, or whole epochs, as in "10 epochs".',
    'More learns more, until it copies the pictures.',
    'steps',
  ),
  batch_size: doc(
    count(1, 1024),
    'Pictures in one forward pass.',
    'Larger is steadier and faster per picture, and needs more memory.',
    'pictures',
  ),
  batch_size_at: doc(
    batchSizesSchema.default([]),
    'Other batch sizes at smaller sizes, where dataset.resolution has several: [{resolution: 768, batch_size: 4}].',
    'A smaller size leaves memory unused: 4 pictures of 512 px take as much as one of 1024.',
  ),
  gradient_accumulation: doc(
    count(1, 1024).default(1),
    'Forward passes per optimiser step.',
    'A larger effective batch in the same memory.',
    'passes',
  ),
  learning_rate: doc(
    z.number().positive().max(10),
    'Learning rate of the U-Net.',
    'Too high gives noise and stiff poses, too low learns nothing.',
  ),
  text_encoder_learning_rate: doc(
    z.union([z.number().min(0).max(10), z.array(z.number().min(0).max(10)).length(2)]),
    'Learning rate of the text encoder; 0 leaves it as it is. SDXL may name two: [first, second].',
    'Training it binds the trigger faster and bleeds more into other prompts.',
  ),
  text_encoder_until: doc(
    z.number().positive().max(1).default(1),
    'Share of the run after which the text encoders stay as they are by then; 1 is the whole run.',
    'Words are learned early: 0.3 to 0.5 keeps them from being overfitted. A step takes no less time afterwards.',
  ),
  optimizer: doc(
    z.enum(optimizers).default('adamw'),
    'Optimiser.',
    'adamw8bit, adafactor, lion and came save memory; prodigy finds its own rate: set learning_rate 1, that of the text encoder 1 or 0; adamw_schedulefree averages its steps, with schedule constant; prodigy_schedulefree does both, one rate for each network, and wants betas [0.9, 0.99].',
  ),
  ...optimizerKeys,
  weight_decay: doc(
    z.number().min(0).max(1).default(0.01),
    'Pull of the weights towards zero.',
    'More keeps a long run milder.',
  ),
  betas: doc(
    z.tuple([z.number().min(0).lt(1), z.number().min(0).lt(1)]).default([0.9, 0.999]),
    'Decay of the optimiser averages.',
    'Rarely.',
  ),
  ...scheduleKeys,
  max_grad_norm: doc(
    z.number().min(0).max(1000).default(1),
    'Gradients longer than this are shortened to it; 0 turns it off.',
    'Lower when the loss jumps.',
  ),
  max_weight_norm: doc(
    z.number().positive().max(1000).nullable().default(null),
    'Layers whose weight change is longer than this are shortened to it after each step; null is off.',
    'Keeps a LoRA from burning and mixes better with others: 1 is usual.',
  ),
  ...emaKeys,
  rank: doc(
    count(1, 1024),
    'Size of the LoRA: how many directions each layer may learn.',
    'More for a style with much detail; less is smaller and milder.',
  ),
  alpha: doc(
    z.number().positive().max(4096),
    'Strength scale: the LoRA acts times alpha ÷ rank.',
    'Changing it is like changing the learning rate.',
  ),
  dropout: doc(
    z.number().min(0).max(0.9).default(0),
    'Share of LoRA inputs dropped while training.',
    'A little (0.1) against copying.',
  ),
  targets: doc(
    z.enum(['all', 'attention']).default('all'),
    'Layers that learn of the transformer blocks: all linear and 1×1 ones, or attention only.',
    'attention is smaller and learns less of style.',
  ),
  conv_rank: doc(
    count(0, 1024).default(0),
    'Rank of the 3×3 convolutions (LoCon; the other layers of their blocks then learn at `rank`); 0 is off.',
    'Helps styles with texture.',
  ),
  conv_alpha: doc(z.number().positive().max(4096).default(1), 'Alpha of the convolution part.', 'As alpha.'),
  ...adapterKeys,
  ...lossKeys,
  ...preservationKeys,
  ...pivotalKeys,
  init_lora: doc(
    line(4096).min(1).nullable().default(null),
    'Go on from this file: a LoRA, LoCon, DoRA, LoHa or LoKr. null: start new. Its kind, rank and alpha are taken where none is given.',
    'To teach an existing LoRA more.',
  ),
});
