/** The section `output` of run.yaml: files of the LoRA, and checkpoints. */
import { z } from 'zod';
import { count, doc } from '../training/doc.ts';
import { precisions } from './choices.ts';
import { every } from './steps.ts';

export const outputSchema = z.strictObject({
  precision: doc(z.enum(precisions).default('fp16'), 'Number format of the LoRA file.', 'fp32 to train on from it.'),
  metadata: doc(
    z.enum(['full', 'minimal', 'none']).default('full'),
    'What the file says of its making: everything, only what programs need, or nothing.',
    'full tells tag counts and folder names of your data set.',
  ),
  diffusers: doc(
    z.boolean().default(false),
    'Also write the LoRA with diffusers names.',
    'For diffusers code that cannot read kohya names.',
  ),
  checkpoint_every: doc(
    every(),
    'Save a full, resumable checkpoint each this many steps, or as in "2 epochs" and "30m"; 0: only at the end or when stopped.',
    'Less work is lost if the machine dies.',
    'steps',
  ),
  checkpoint_keep: doc(count(1, 1000).default(3), 'How many checkpoints stay.', 'More needs more disk.', 'checkpoints'),
  save_every: doc(
    every().nullable().default(null),
    'Also write the LoRA file as it is by then, as checkpoint_every is written; null: with each checkpoint; 0: only at the end or when stopped.',
    'To try earlier ones: the last is not always the best.',
    'steps',
  ),
  save_keep: doc(
    count(1, 10_000).nullable().default(null),
    'How many of those files stay, the newest and the best; null: all.',
    'A number where the disk is small.',
    'files',
  ),
});
