import { type ModelEntry, modelEntrySchema, type Registry } from '../../src/registry/catalogue/schema.ts';

const recipe = {
  'dataset.shuffle_tags': false,
  'dataset.bucket_step': 64,
  'dataset.bucket_min': 256,
  'dataset.bucket_max': 1024,
  'dataset.validation_share': 0.1,
  'training.steps': 1600,
  'training.batch_size': 1,
  'training.learning_rate': 1e-4,
  'training.text_encoder_learning_rate': 5e-5,
  'training.schedule': 'cosine',
  'training.warmup': 0.05,
  'training.rank': 16,
  'training.alpha': 8,
  'training.min_snr_gamma': 5,
  'samples.every': 200,
  'samples.steps': 25,
  'samples.guidance': 7,
  'output.checkpoint_every': 400,
  'resources.precision': 'bf16',
  'resources.gradient_checkpointing': 'none',
};

const common = {
  summary: 'for tests',
  layout: 'single_file',
  caption_style: 'either',
  guidance: 'any',
  license: { name: 'none', url: 'https://example.invalid', restrictions: 'none', acceptance: false },
};

const models = [
  {
    ...common,
    id: 'tiny',
    title: 'Tiny',
    kind: 'base',
    family: 'sd15',
    prediction: 'epsilon',
    resolution: 64,
    embedded: 'tiny/sd15',
    recipes: { concept: { ...recipe, 'training.steps': 60, 'dataset.bucket_min': 64 } },
  },
  {
    ...common,
    id: 'sd15',
    title: 'SD 1.5',
    kind: 'base',
    family: 'sd15',
    prediction: 'epsilon',
    resolution: 512,
    negative_prompt: 'blurry',
    sample_prompts: { concept: ['{trigger}, in a park', 'a photo'], character: ['portrait of {trigger}'] },
    recipes: { concept: recipe, character: { ...recipe, 'training.rank': 32, 'training.alpha': 16 } },
  },
  {
    ...common,
    id: 'sdxl',
    title: 'SDXL 1.0',
    kind: 'base',
    family: 'sdxl',
    prediction: 'epsilon',
    resolution: 1024,
    recipes: {
      concept: { ...recipe, 'dataset.bucket_max': 2048, 'training.text_encoder_learning_rate': 0 },
    },
  },
  {
    ...common,
    id: 'noobai-v',
    title: 'NoobAI v-prediction',
    kind: 'base',
    family: 'sdxl',
    prediction: 'v_prediction',
    zero_terminal_snr: true,
    resolution: 1024,
    recipes: { concept: { ...recipe, 'dataset.bucket_max': 2048, 'training.min_snr_gamma': null } },
  },
];

/** Completes an entry as loading does: its facts become the recipe values that they decide. */
function complete(entry: ModelEntry): ModelEntry {
  const recipes = Object.entries(entry.recipes).map(([goal, values]) => [
    goal,
    {
      'dataset.resolution': entry.resolution,
      'model.clip_skip': entry.clip_skip,
      'samples.prompts': entry.sample_prompts[goal as keyof typeof entry.sample_prompts] ?? ['{trigger}'],
      ...values,
    },
  ]);
  return { ...entry, recipes: Object.fromEntries(recipes) };
}

/** A small registry with every kind of entry that the engine must tell apart. */
export const testRegistry: Registry = {
  version: 1,
  models: models.map((entry) => complete(modelEntrySchema.parse(entry))),
  assets: [],
};
