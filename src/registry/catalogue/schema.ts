/**
 * The model registry: `presets/models.yaml` and the person's own additions, validated strictly. Two views of it live
 * here: the file as written (recipe sets by name, see `registryFileSchema`) and the entries as everybody else sees them
 * (`ModelEntry`, recipes already complete; `load.ts` makes one from the other).
 */
import { z } from 'zod';
import { families, goals, predictions } from '../../spec/schema.ts';

export const REGISTRY_VERSION = 1;

const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 lower-case hexadecimal digits');
const commit = z.string().regex(/^[0-9a-f]{40}$/, 'must be a full commit id (40 hexadecimal digits)');
const repo = z.string().regex(/^[\w.-]+\/[\w.-]+$/, 'must look like owner/name');
/** Forward slashes, stays inside its folder. */
export const innerPath = z
  .string()
  .min(1)
  .refine((path) => !/^\/|\\|(^|\/)\.\.(\/|$)/.test(path), 'must be a path inside its folder, with forward slashes');
export const ID = /^[a-z0-9][a-z0-9.-]*$/;
const id = z.string().regex(ID, 'lower-case letters, digits, dots and dashes');

export const sourceSchema = z.discriminatedUnion('kind', [
  /** A repository of a Hugging Face hub. Without `revision` (unverified) its main branch: the hash is the judge. */
  z.strictObject({ kind: z.literal('hub'), repo, revision: commit.optional(), path: innerPath.optional() }),
  z.strictObject({ kind: z.literal('civitai'), model: z.number().int(), version: z.number().int() }),
  /** `token_env` names the environment variable that holds a bearer token. */
  z.strictObject({ kind: z.literal('url'), url: z.url({ protocol: /^https?$/ }), token_env: z.string().optional() }),
]);

export const modelFileSchema = z
  .strictObject({
    /** Path inside the model's own folder, forward slashes. */
    path: innerPath,
    role: z.enum(['weights', 'companion']),
    bytes: z.number().int().positive().optional(),
    sha256: sha256.optional(),
    /** Independent public sources that agree on size and hash; `one` is a weaker pin. */
    confidence: z.enum(['two', 'one']).default('two'),
    /** Fields left empty because nobody could confirm them; a file without a hash is never offered as a pin. */
    unverified: z.array(z.enum(['bytes', 'sha256'])).default([]),
    /** Where it can be had, best first. */
    sources: z.array(sourceSchema).default([]),
    /** Already on this machine: absolute path of a file the person added. */
    local: z.string().optional(),
  })
  .superRefine((file, context) => {
    for (const key of ['bytes', 'sha256'] as const)
      if ((file[key] === undefined) !== file.unverified.includes(key))
        context.addIssue({
          code: 'custom',
          path: [key],
          message: `${key} is missing: give it, or list it under unverified`,
        });
  });

/** Values by dotted run.yaml key, e.g. `training.rank: 16`; checked against the spec schema when loaded. */
export const recipeSchema = z.record(z.string(), z.unknown());

/** What changes on a card with little or much memory. The best class is the largest `from_gb` the card reaches. */
export const memoryClassSchema = z.strictObject({
  from_gb: z.number().min(0),
  title: z.string(),
  values: recipeSchema,
});

/** Bounds of a run's length by the number of images; see `LengthRule`. */
export const lengthRuleSchema = z.strictObject({
  least_uses: z.number().min(1),
  most_uses: z.number().min(1),
  least_steps: z.number().int().min(1),
  most_steps: z.number().int().min(1),
});

export const recipeSetSchema = z.strictObject({
  /** Where the values come from, and what is not tested yet. */
  source: z.string(),
  /** Set whose values come first: its `common`, and its `memory_classes` where this one has none. */
  extends: z.string().optional(),
  common: recipeSchema,
  goals: z.record(z.enum(goals), recipeSchema),
  /** Its steps follow the number of images within these; without it they are always its own. */
  length: lengthRuleSchema.optional(),
  memory_classes: z.array(memoryClassSchema).default([]),
});

const license = z.strictObject({
  name: z.string(),
  url: z.string(),
  /** One sentence; empty when it restricts nothing but liability. */
  restrictions: z.string(),
  /** The person is asked before the first download. */
  acceptance: z.boolean(),
});

const common = {
  id,
  title: z.string(),
  summary: z.string(),
  /** Further names it is known by, e.g. file names. */
  aliases: z.array(z.string()).default([]),
  /** Bundled with the package: folder under `presets/`. */
  embedded: innerPath.optional(),
  files: z.array(modelFileSchema).default([]),
  license,
  /** Added by the person: the file it was read from. */
  added_in: z.string().optional(),
};

const baseFields = {
  ...common,
  kind: z.literal('base').default('base'),
  family: z.enum(families),
  prediction: z.enum(predictions).default('epsilon'),
  zero_terminal_snr: z.boolean().default(false),
  /** Side of the native square in pixels. */
  resolution: z.number().int().min(64).max(4096),
  clip_skip: z.number().int().min(1).default(1),
  layout: z.enum(['diffusers', 'single_file']),
  /** Id of the VAE in `assets` that trains best with it. */
  recommended_vae: id.optional(),
  caption_style: z.enum(['sentences', 'tags', 'either']),
  guidance: z.string(),
  /** `{trigger}` stands for the trigger word; `{trigger|a person}` says what stands there without one. */
  sample_prompts: z.partialRecord(z.enum(goals), z.array(z.string())).default({}),
  negative_prompt: z.string().default(''),
  /** GB of card memory with gradient checkpointing and batch 1, and where everything fits without. */
  memory_gb: z.strictObject({ least: z.number(), comfortable: z.number() }).optional(),
};

/** A base model as everybody sees it. Each recipe fills every run.yaml key that has no default of its own. */
export const modelEntrySchema = z.strictObject({
  ...baseFields,
  recipes: z.partialRecord(z.enum(goals), recipeSchema).default({}),
  memory_classes: z.array(memoryClassSchema).default([]),
  length: lengthRuleSchema.optional(),
  /** Name of the set its recipes were made from. */
  recipe_set: z.string().optional(),
  /** Where the recipe's values come from. */
  recipe_source: z.string().optional(),
});

/** A base model as written: names a recipe set, and may change single values of it. */
export const baseFileEntrySchema = z.strictObject({
  ...baseFields,
  recipe_set: z.string(),
  recipe: recipeSchema.default({}),
});

/** VAEs, taggers and captioners: fetched like a base model, but never trained. */
export const assetEntrySchema = z.strictObject({
  ...common,
  kind: z.enum(['vae', 'tagger', 'captioner']),
  /** Families a VAE fits. */
  families: z.array(z.enum(families)).default([]),
  layout: z.enum(['diffusers', 'single_file', 'onnx', 'transformers']),
  /** What the network takes, in words, for those who run it. */
  input: z.string().optional(),
  /** Needs Python code from its repository: shown, never run. */
  remote_code: z.boolean().default(false),
});

export const registryFileSchema = z.strictObject({
  version: z.literal(REGISTRY_VERSION),
  recipe_sets: z.record(z.string(), recipeSetSchema).default({}),
  /** Lists of small files several models share (configuration, tokenizers), by name. */
  companion_sets: z.record(z.string(), z.array(modelFileSchema)).default({}),
  models: z.array(baseFileEntrySchema.extend({ companions: z.string().optional() })).default([]),
  assets: z.array(assetEntrySchema).default([]),
});

export type ModelFile = z.infer<typeof modelFileSchema>;
export type Recipe = z.infer<typeof recipeSchema>;
export type RecipeSet = z.infer<typeof recipeSetSchema>;
export type MemoryClass = z.infer<typeof memoryClassSchema>;
export type ModelEntry = z.infer<typeof modelEntrySchema>;
export type AssetEntry = z.infer<typeof assetEntrySchema>;
export type RegistryFile = z.infer<typeof registryFileSchema>;
export type AnyEntry = ModelEntry | AssetEntry;

export interface Registry {
  readonly version: typeof REGISTRY_VERSION;
  /** Base models, the built-in ones first. */
  readonly models: readonly ModelEntry[];
  readonly assets: readonly AssetEntry[];
}
