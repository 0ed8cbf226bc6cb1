/** The section `model` of plan.json: the base model. */
import { z } from 'zod';
import { families, predictions } from '../../spec/schema.ts';
import { vaeScalingSchema } from '../../spec/sections/model.ts';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

export const planModelSchema = z.strictObject({
  /** Registry id or the name of the file, for people and metadata. */
  name: z.string(),
  path: z.string(),
  layout: z.enum(['diffusers', 'single_file']),
  /** Folder in diffusers layout with the configuration and tokenizer files of a single-file checkpoint; null for a folder model. */
  config_dir: z.string().nullable(),
  family: z.enum(families),
  prediction: z.enum(predictions),
  zero_terminal_snr: z.boolean(),
  /** By how much noise levels are moved; it has an effect with `prediction: flow` only. */
  flow_shift: z.number().positive(),
  vae_path: z.string().nullable(),
  /** How latents are seen by the U-Net; null for what the VAE's configuration says. */
  vae_scaling: vaeScalingSchema.nullable(),
  /** LoRA files that are merged into the base in memory; the path is absolute. */
  merge_loras: z.array(z.strictObject({ path: z.string(), sha256, strength: z.number() })),
  clip_skip: z.number().int().min(1),
  /** SHA-256 of the weights for the metadata, if the registry has it; else null. */
  sha256: sha256.nullable(),
});
