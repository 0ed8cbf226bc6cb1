/** The section `model` of run.yaml: the base model, and facts about it that its file does not hold. */
import { z } from 'zod';
import { count, doc, line, part } from '../training/doc.ts';
import { families, predictions } from './choices.ts';

/** A LoRA that is merged into the base model before training. */
export const mergedLoraSchema = z.strictObject({
  path: part(line(4096).min(1), 'A LoRA file (.safetensors); relative to this file.'),
  strength: part(
    z.number().min(-10).max(10).default(1),
    'How strongly it acts, as in a prompt; below 0 takes it away.',
  ),
});

/** How latents of a VAE are scaled before the U-Net reads them. */
export const vaeScalingSchema = z.strictObject({
  scale: part(z.number().positive().max(1000).default(0.13025), 'Factor on shifted latents.'),
  shift: part(z.number().min(-1000).max(1000).default(0), 'What is taken away from latents: their mean.'),
  reflect: part(
    z.boolean().default(false),
    'The VAE pads by reflection, as some trainers of such VAEs let it (vae_reflection_padding).',
  ),
});

export const modelSchema = z.strictObject({
  base: doc(
    line(4096).min(1),
    'Base model: an id from `visiontrain models list`, or the path of a .safetensors file or diffusers folder.',
    'A LoRA works best on the model it was trained on.',
  ),
  family: doc(
    z.enum(families),
    'Architecture of the base model (read from the file and compared).',
    'Never, unless the base changes.',
  ),
  prediction: doc(
    z.enum(predictions),
    'What the base predicts: noise (epsilon), velocity (v_prediction), or the way from picture to noise (flow: rectified flow, as NoobAI-RF and bigASP 2.5).',
    'Never, unless the base changes: a mismatch trains noise.',
  ),
  zero_terminal_snr: doc(
    z.boolean(),
    'Noise schedule rescaled to zero terminal SNR (arXiv:2305.08891).',
    'On only for bases made so, such as NoobAI v-prediction.',
  ),
  vae: doc(
    line(4096).min(1).nullable().default(null),
    'Another VAE: registry id or path. null: the one of the base.',
    'SDXL in fp16 needs sdxl-vae-fp16-fix.',
  ),
  flow_shift: doc(
    z.number().positive().max(100).default(2.5),
    'prediction: flow: by how much noise levels are moved towards the noise, in training and samples (arXiv:2403.03206); 1 moves nothing.',
    'As the page of the base says: 2.5 is usual for NoobAI-RF, 3 and more for large pictures.',
  ),
  vae_scaling: doc(
    vaeScalingSchema.nullable().default(null),
    'How the model sees latents: (latent − shift) × scale. null: as the VAE’s configuration says, or as is usual in the family.',
    'For bases over a VAE of their own (EQ-VAE): {scale: 0.1406, shift: -0.4743, reflect: true}, with the numbers of the page of the base.',
  ),
  merge_loras: doc(
    z.array(mergedLoraSchema).max(20).default([]),
    'LoRA files (LoRA, LoCon, LoHa, LoKr) that are merged into the base before the training, in memory; the base on the disk stays as it is.',
    'To learn what is still missing on top of them: {path: ./style.safetensors, strength: 0.8}. Use both later.',
  ),
  clip_skip: doc(
    count(1, 4),
    'Which layer of the text encoder is read, counted from the end; 1 is the last. SD1.5 only.',
    '2 for anime bases of SD1.5.',
    'layers',
  ),
});
