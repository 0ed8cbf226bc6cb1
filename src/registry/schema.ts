/**
 * The model registry: `presets/models.yaml` and the person's own additions, validated strictly. A recipe is the part of
 * a run.yaml that a base model and a goal decide; together with the defaults in `engine/config/schema.ts` it fills
 * every key a person did not choose.
 */
import { z } from 'zod';
import { families, goals, predictions } from '../engine/config/schema.ts';

export const REGISTRY_VERSION = 1;

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

export const modelFileSchema = z.strictObject({
  /** Path inside the model's own folder, forward slashes. */
  path: z.string(),
  role: z.enum(['weights', 'companion']),
  /** Absent when unverified: such a file is never offered as a pin. */
  bytes: z.number().int().positive().optional(),
  sha256: sha256.optional(),
  /** Where it can be had, best first. */
  sources: z
    .array(
      z.discriminatedUnion('kind', [
        z.strictObject({ kind: z.literal('hub'), repo: z.string(), revision: z.string(), path: z.string() }),
        z.strictObject({ kind: z.literal('civitai'), model: z.number().int(), version: z.number().int() }),
        z.strictObject({ kind: z.literal('url'), url: z.url() }),
      ]),
    )
    .default([]),
});

/** Values by dotted run.yaml key, e.g. `training.rank: 16`; checked against the spec schema when loaded. */
export const recipeSchema = z.record(z.string(), z.unknown());

export const modelEntrySchema = z.strictObject({
  id: z.string().regex(/^[a-z0-9][a-z0-9-]*$/),
  title: z.string(),
  summary: z.string(),
  kind: z.enum(['base', 'vae', 'tagger']),
  family: z.enum(families),
  prediction: z.enum(predictions),
  zero_terminal_snr: z.boolean().default(false),
  /** Side of the native square in pixels. */
  resolution: z.number().int(),
  clip_skip: z.number().int().min(1).default(1),
  layout: z.enum(['diffusers', 'single_file']),
  /** Bundled with the package: folder under `presets/`. */
  embedded: z.string().optional(),
  files: z.array(modelFileSchema).default([]),
  /** Id of the entry of kind `vae` that trains best with it. */
  recommended_vae: z.string().optional(),
  caption_style: z.enum(['sentences', 'tags', 'either']),
  guidance: z.string(),
  /** `{trigger}` stands for the trigger word. */
  sample_prompts: z.partialRecord(z.enum(goals), z.array(z.string())).default({}),
  negative_prompt: z.string().default(''),
  license: z.strictObject({ name: z.string(), url: z.string(), restrictions: z.string(), acceptance: z.boolean() }),
  /** GB of card memory with the recipe, with and without gradient checkpointing, where known. */
  memory_gb: z.strictObject({ least: z.number(), comfortable: z.number() }).optional(),
  recipes: z.partialRecord(z.enum(goals), recipeSchema).default({}),
  /** Where the recipe's values come from. */
  recipe_source: z.string().optional(),
});

export const registrySchema = z.strictObject({
  version: z.literal(REGISTRY_VERSION),
  models: z.array(modelEntrySchema),
});

export type ModelEntry = z.infer<typeof modelEntrySchema>;
export type ModelFile = z.infer<typeof modelFileSchema>;
export type Registry = z.infer<typeof registrySchema>;
