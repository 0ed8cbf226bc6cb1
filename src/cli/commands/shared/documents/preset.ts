/** The documents that `preset` prints with --json, as schemas. */
import { z } from 'zod';

const text = z.string();
const settings = z.record(text, z.unknown()).describe('By key of run.yaml.');

export const presetDocuments = {
  'preset-list': z.strictObject({
    presets: z.array(
      z.strictObject({
        name: text,
        about: text,
        base: text.nullable().describe('null: for any base model.'),
        settings: z.number().int().min(0),
        problem: text.nullable(),
      }),
    ),
  }),
  'preset-save': z.strictObject({
    name: text,
    file: text,
    settings,
    left: z.array(z.strictObject({ key: text, why: text })).describe('Chosen there, and no part of a preset.'),
  }),
  'preset-show': z.strictObject({ name: text, file: text, about: text, settings }),
  'preset-diff': z.strictObject({
    a: text,
    b: text,
    differences: z
      .array(z.strictObject({ key: text, a: z.unknown(), b: z.unknown() }))
      .describe('null: left to the recipe, or null itself.'),
  }),
  'preset-rm': z.strictObject({ name: text, file: text }),
} satisfies Readonly<Record<string, z.ZodType>>;
