/** The key of the section `training` for an embedding that is trained beside the LoRA. */
import { z } from 'zod';
import { count, doc, line, part } from './doc.ts';

/** An embedding: vectors for the trigger in the text encoders, trained beside the LoRA. */
const pivotalSchema = z.strictObject({
  tokens: part(count(1, 32).default(2), 'Vectors that stand for the trigger, each taking the place of a token.'),
  initial: part(
    line(200).default(''),
    'Words that the vectors start from, such as "brown dog"; empty for the trigger itself.',
  ),
  learning_rate: part(z.number().positive().max(10).default(0.0005), 'Learning rate of the vectors.'),
  until: part(
    z.number().positive().max(1).default(0.5),
    'Share of the run after which the vectors stay as they are by then; 1 is the whole run.',
  ),
});

/** The embedding in a plan: with the word that the vectors stand for, and with steps in place of a share. */
export const plannedPivotalSchema = pivotalSchema
  .omit({ until: true })
  .extend({ word: z.string().min(1), steps: z.number().int().min(1).nullable() });

export const pivotalKeys = {
  pivotal: doc(
    pivotalSchema.nullable().default(null),
    'Train an embedding for the trigger beside the LoRA (pivotal tuning), in a file of its own that A1111, Forge, ComfyUI and diffusers read; null is off.',
    'For a subject that no word of the base comes near: {tokens: 2, initial: brown dog}. The text encoders themselves can then stay as they are.',
  ),
};
