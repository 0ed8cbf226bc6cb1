/** The documents of the commands `lora …`, as schemas. */
import { z } from 'zod';

const text = z.string();
const count = z.number().int().min(0);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const problems = z.array(
  z.strictObject({ level: z.enum(['bad', 'note']).describe('bad: it computes nonsense somewhere.'), text }),
);

const made = z.strictObject({
  path: text,
  bytes: count,
  sha256,
  ranks: z.array(count),
  lost: z.record(text, z.number()).describe('‖lost‖ ÷ ‖all‖ of the weight change of each layer that was resized.'),
});

export const loraDocuments = {
  'lora-resize': made,
  'lora-merge': made,
  'lora-convert': made,
  'lora-inspect': z.array(
    z.strictObject({
      path: text,
      bytes: count,
      kinds: z.record(text, count).describe('Number of layers by kind.'),
      form: z.enum(['kohya', 'diffusers', 'peft', 'lycoris', 'comfy', 'unknown']).describe('Whose names it has.'),
      base: text.nullable().describe('The family of base models it is for.'),
      layers: count,
      ranks: z.array(
        z.strictObject({ part: text, rank: count.nullable(), alpha: z.number().nullable(), layers: count }),
      ),
      parameters: count,
      formats: z.record(text, count).describe('Number of tensors by number format.'),
      about: z.strictObject({
        title: text.nullable(),
        author: text.nullable(),
        description: text.nullable(),
        license: text.nullable(),
        trigger: text.nullable(),
        base: text.nullable(),
        training: z.array(z.tuple([text, text])),
        tags: z.array(z.strictObject({ tag: text, count: z.number() })),
        payload: text.nullable().describe('The hash of its weights, as its maker wrote it.'),
      }),
      sha256: sha256.nullable(),
      payload_sha256: sha256.nullable().describe('sshs_model_hash; its first 12 digits are the hash of A1111.'),
      problems,
    }),
  ),
  'lora-check': z.strictObject({
    files: z.array(z.strictObject({ path: text, sound: z.boolean(), base: text.nullable(), layers: count, problems })),
  }),
  'lora-edit': z.strictObject({ path: text, bytes: count, sha256, base: text.nullable(), changed: z.array(text) }),
};
