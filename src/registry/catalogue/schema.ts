/**
 * The model registry: `presets/models.yaml` and the person's own additions, validated strictly. Two views of it live
 * here: the file as it is written (recipe sets by name, see `registryFileSchema`) and the entries as the rest of the
 * program sees them (`ModelEntry`, with complete recipes). `load.ts` makes one from the other.
 */
import { z } from 'zod';
import { families, goals, predictions } from '../../spec/schema.ts';

export const REGISTRY_VERSION = 1;

const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 lower-case hexadecimal digits');
const commit = z.string().regex(/^[0-9a-f]{40}$/, 'must be a full commit id (40 hexadecimal digits)');
const repo = z.string().regex(/^[\w.-]+\/[\w.-]+$/, 'must look like owner/name');
/** A path with forward slashes that stays inside its folder. */
export const innerPath = z
  .string()
  .min(1)
  .refine((path) => !/^\/|\\|(^|\/)\.\.(\/|$)/.test(path), 'must be a path inside its folder, with forward slashes');
export const ID = /^[a-z0-9][a-z0-9.-]*$/;
const id = z.string().regex(ID, 'lower-case letters, digits, dots and dashes');

export const sourceSchema = z.discriminatedUnion('kind', [
  /**
   * A repository of a Hugging Face hub. Without a `revision` (when it is unverified) the main branch is used, and the
   * hash decides.
   */
  z.strictObject({ kind: z.literal('hub'), repo, revision: commit.optional(), path: innerPath.optional() }),
  z.strictObject({ kind: z.literal('civitai'), model: z.number().int(), version: z.number().int() }),
  /** `token_env` names the environment variable that holds a bearer token. */
  z.strictObject({ kind: z.literal('url'), url: z.url({ protocol: /^https?$/ }), token_env: z.string().optional() }),
]);

export const modelFileSchema = z
  .strictObject({
    /** Path inside the model's own folder, with forward slashes. */
    path: innerPath,
    role: z.enum(['weights', 'companion']),
    bytes: z.number().int().positive().optional(),
    sha256: sha256.optional(),
    /** Number of independent public sources that agree on size and hash; `one` is a weaker pin than `two`. */
    confidence: z.enum(['two', 'one']).default('two'),
    /** Fields that are empty because nobody could confirm them. A file without a hash is never offered as a pin. */
    unverified: z.array(z.enum(['bytes', 'sha256'])).default([]),
    /** Places where the file can be fetched, the best first. */
    sources: z.array(sourceSchema).default([]),
    /** Absolute path of a file on this machine that the person added. */
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

/**
 * Changes to a recipe for a card with little or much memory. If a card reaches several classes, the one with the
 * largest `from_gb` holds.
 */
export const memoryClassSchema = z.strictObject({
  from_gb: z.number().min(0),
  title: z.string(),
  values: recipeSchema,
});

/** Bounds on a run's length by the number of images; see `LengthRule`. */
export const lengthRuleSchema = z.strictObject({
  least_uses: z.number().min(1),
  most_uses: z.number().min(1),
  least_steps: z.number().int().min(1),
  most_steps: z.number().int().min(1),
});

export const recipeSetSchema = z.strictObject({
  /** The origin of the values, and which of them are not tested yet. */
  source: z.string(),
  /**
   * Another set that this set builds on. Its `common` values are applied first, and its `memory_classes` hold where
   * this set has none.
   */
  extends: z.string().optional(),
  common: recipeSchema,
  goals: z.record(z.enum(goals), recipeSchema),
  /**
   * Bounds within which the number of steps follows the number of images. Without them the steps are always the
   * recipe's own.
   */
  length: lengthRuleSchema.optional(),
  memory_classes: z.array(memoryClassSchema).default([]),
});

const license = z.strictObject({
  name: z.string(),
  url: z.string(),
  /** The restrictions in one sentence; empty when the licence restricts nothing but liability. */
  restrictions: z.string(),
  /** Whether the person is asked to accept the licence before the first download. */
  acceptance: z.boolean(),
});

const common = {
  id,
  title: z.string(),
  summary: z.string(),
  /** Further names of the model, such as file names. */
  aliases: z.array(z.string()).default([]),
  /** For a model that is bundled with the package: its folder under `presets/`. */
  embedded: innerPath.optional(),
  files: z.array(modelFileSchema).default([]),
  license,
  /** For an entry that the person added: the file it was read from. */
  added_in: z.string().optional(),
};

const baseFields = {
  ...common,
  kind: z.literal('base').default('base'),
  family: z.enum(families),
  prediction: z.enum(predictions).default('epsilon'),
  zero_terminal_snr: z.boolean().default(false),
  /** Side of the model's native square, in pixels. */
  resolution: z.number().int().min(64).max(4096),
  clip_skip: z.number().int().min(1).default(1),
  layout: z.enum(['diffusers', 'single_file']),
  /** Id of the VAE in `assets` that trains best with this model. */
  recommended_vae: id.optional(),
  caption_style: z.enum(['sentences', 'tags', 'either']),
  guidance: z.string(),
  /**
   * Prompts by goal. `{trigger}` stands for the trigger word; `{trigger|a person}` gives a fallback for a run without
   * one.
   */
  sample_prompts: z.partialRecord(z.enum(goals), z.array(z.string())).default({}),
  negative_prompt: z.string().default(''),
  /**
   * GB of card memory: the least that training takes (batch 1, gradient checkpointing), and enough for training
   * without checkpointing.
   */
  memory_gb: z.strictObject({ least: z.number(), comfortable: z.number() }).optional(),
};

/**
 * A base model as the rest of the program sees it. Each recipe fills every run.yaml key that has no default of its own.
 */
export const modelEntrySchema = z.strictObject({
  ...baseFields,
  recipes: z.partialRecord(z.enum(goals), recipeSchema).default({}),
  memory_classes: z.array(memoryClassSchema).default([]),
  length: lengthRuleSchema.optional(),
  /** Name of the set from which its recipes were made. */
  recipe_set: z.string().optional(),
  /** Where the recipe's values come from. */
  recipe_source: z.string().optional(),
});

/** A base model as it is written in a file: it names a recipe set, and may change single values of it. */
export const baseFileEntrySchema = z.strictObject({
  ...baseFields,
  recipe_set: z.string(),
  recipe: recipeSchema.default({}),
});

/**
 * Models that are fetched like a base model but never trained: VAEs, taggers, captioners, judges of images and makers
 * of masks.
 */
export const assetEntrySchema = z.strictObject({
  ...common,
  kind: z.enum(['vae', 'tagger', 'captioner', 'judge', 'masker']),
  /** Families for which a VAE is suitable. */
  families: z.array(z.enum(families)).default([]),
  layout: z.enum(['diffusers', 'single_file', 'onnx', 'transformers']),
  /** What the network takes as input, in words, for those who run it. */
  input: z.string().optional(),
  /** Whether the model needs Python code from its repository. The person is told, and the code is never run. */
  remote_code: z.boolean().default(false),
});

export const registryFileSchema = z.strictObject({
  version: z.literal(REGISTRY_VERSION),
  recipe_sets: z.record(z.string(), recipeSetSchema).default({}),
  /** Lists of small files that several models share (configuration, tokenizers), by name. */
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
