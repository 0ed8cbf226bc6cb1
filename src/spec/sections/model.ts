/** The section `model` of run.yaml: the base model, and what its file does not say. */
import { z } from 'zod';
import { count, doc, line } from '../training/doc.ts';
import { families, predictions } from './choices.ts';

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
  clip_skip: doc(
    count(1, 4),
    'Which layer of the text encoder is read, counted from the end; 1 is the last. SD1.5 only.',
    '2 for anime bases of SD1.5.',
    'layers',
  ),
});
