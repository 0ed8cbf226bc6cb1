/**
 * run.yaml, version 1: the one source of types, validation, JSON Schema, the comments in written files and the
 * reference page. A key has exactly one source for its default: `.default()` here when it holds for every model,
 * otherwise the recipe of the chosen base model (`presets/*.yaml`, see `recipeKeys` in registry/recipes.ts).
 *
 * Metadata on each key: `description` (what it is), `why` (why one would change it), `unit`.
 */
import { z } from 'zod';
import { captionsSchema } from './sections/captions.ts';
import { datasetSchema } from './sections/dataset.ts';
import { hooksSchema } from './sections/hooks.ts';
import { loggingSchema } from './sections/logging.ts';
import { modelSchema } from './sections/model.ts';
import { outputSchema } from './sections/output.ts';
import { resourcesSchema } from './sections/resources.ts';
import { samplesSchema } from './sections/samples.ts';
import { trainingSchema } from './sections/training.ts';
import { validationSchema } from './sections/validation.ts';
import { doc } from './training/doc.ts';

export {
  type Family,
  families,
  type Goal,
  goals,
  type Prediction,
  precisions,
  predictions,
  samplers,
  spacings,
} from './sections/choices.ts';
export { captionsSchema, validationSchema };

export const SPEC_VERSION = 1;

/** Valid names of a run, which are also the names of its LoRA file. */
export const RUN_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

export const specSchema = z.strictObject({
  version: doc(
    z.literal(SPEC_VERSION),
    'Version of this file format.',
    'Never by hand; `visiontrain` migrates older files.',
  ),
  name: doc(
    z.string().regex(RUN_NAME, 'must be letters, digits, dot, dash and underscore, 100 at most'),
    'Name of the run and of the LoRA file; left out, the name of the folder with the pictures.',
    'So that you find it again.',
  ),
  dataset: datasetSchema,
  captions: captionsSchema.prefault({}),
  model: modelSchema,
  training: trainingSchema,
  validation: validationSchema.prefault({}),
  samples: samplesSchema,
  output: outputSchema,
  resources: resourcesSchema,
  logging: loggingSchema.prefault({}),
  hooks: hooksSchema.prefault({}),
});

/** A complete run.yaml: every choice explicit. */
export type RunSpec = z.output<typeof specSchema>;

/** The words for who chose a value. One of them is written as a comment beside the value. */
export const choosers = ['you', 'preset', 'detected'] as const;
/**
 * Who chose a value. `preset:NAME` is a preset of the person's own; `preset` alone is the recipe of the base model.
 */
export type Chooser = (typeof choosers)[number] | `preset:${string}`;
/** Dotted key → who chose it. A key that is missing was chosen by `preset`. */
export type Provenance = Readonly<Record<string, Chooser>>;
