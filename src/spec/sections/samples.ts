/** The section `samples` of run.yaml: the images that the model generates during a run. */
import { z } from 'zod';
import { count, doc, line } from '../training/doc.ts';
import { samplers, spacings } from './choices.ts';
import { every } from './steps.ts';

export const samplesSchema = z.strictObject({
  every: doc(
    every(),
    'Make sample pictures each this many steps, or as in "2 epochs" and "30m" (minutes); 0: only before and after.',
    'More pictures take time from training.',
    'steps',
  ),
  prompts: doc(
    z.array(line(2000)).max(64),
    'Prompts of the samples, the trigger included where wanted. Behind one may stand what is its own, as in sd-scripts: --n negative, --w width, --h height, --d seed, --s steps, --l guidance, --am strength of the LoRA, --cs clip skip. Or a file of such prompts, as sd-scripts has them: .txt, .toml or .json. Where none are given: captions of pictures kept out of training, or such as no picture has, and one of the recipe.',
    'Use what you want the LoRA for.',
  ),
  negative: doc(
    line(2000).default(''),
    'Negative prompt of all samples.',
    'What your base model is usually told to avoid.',
  ),
  sampler: doc(
    z.enum(samplers).default('ddim'),
    'How a sample is drawn from noise.',
    'The one your own program draws with, so that samples look as its pictures do.',
  ),
  spacing: doc(
    z.enum(spacings).default('trailing'),
    'How the steps of a sample lie between noise and picture (schedule type in A1111).',
    'karras with dpmpp_2m is common; ddim has trailing only.',
  ),
  steps: doc(count(1, 500), 'Denoising steps of a sample.', 'Fewer is faster and rougher.', 'steps'),
  guidance: doc(
    z.number().min(1).max(30),
    'Classifier-free guidance scale of the samples.',
    'As the base model wants it.',
  ),
  seed: doc(
    count(0, 2 ** 32 - 1).default(1),
    'Seed of the first sample; the next prompt has the next seed.',
    'The same seed lets you compare.',
  ),
});
