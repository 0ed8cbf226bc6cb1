/** The section `model` of run.yaml: the base model, and what its file does not say. */
import { z } from 'zod';
import { count, doc, line, part } from '../training/doc.ts';
import { families, predictions } from './choices.ts';

/** A LoRA that becomes part of the base before the training. */
export const mergedLoraSchema = z.strictObject({
  path: part(line(4096).min(1), 'A LoRA file (.safetensors); relative to this file.'),
  strength: part(
    z.number().min(-10).max(10).default(1),
    'How strongly it acts, as in a prompt; below 0 takes it away.',
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
    'What the base predicts: noise (epsilon) or velocity (v_prediction).',
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
