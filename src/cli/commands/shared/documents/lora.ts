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
  left: z.array(text).describe('Tensors that have no place in a LoRA file, or in the base.'),
  lost: z.record(text, z.number()).describe('‖lost‖ ÷ ‖all‖ of the weight change of each layer that was resized.'),
});

const ranks = z.array(
  z.strictObject({ part: text, rank: count.nullable(), alpha: z.number().nullable(), layers: count }),
);
const side = z.strictObject({
  path: text,
  kinds: z.record(text, count),
  base: text.nullable(),
  layers: count,
  ranks,
  payload_sha256: sha256.nullable(),
});
const apart = {
  first: z.number().describe('‖ΔW‖ of the first file.'),
  second: z.number(),
  distance: z.number().nullable().describe('‖A − B‖ ÷ ‖A‖.'),
  cosine: z.number().nullable(),
};

const sides = z.array(count);
const fit = z
  .strictObject({
    missing: z.array(text),
    unfit: z.array(z.strictObject({ module: text, has: sides, base: sides })),
    parts: z.record(text, z.strictObject({ fits: count, missing: count, unfit: count })),
  })
  .nullable()
  .describe('With --base whose files are here: layers that it lacks, or has in other sizes.');

export const loraDocuments = {
  'lora-diff': z.strictObject({
    first: side,
    second: side,
    whole: z.strictObject(apart),
    blocks: z.array(z.strictObject({ block: text, layers: count, ...apart })),
    only_first: z.array(text),
    only_second: z.array(text),
    not_compared: z.array(text),
    metadata: z.array(z.strictObject({ key: text, first: text.nullable(), second: text.nullable() })),
  }),
  'lora-resize': made,
  'lora-merge': z.union([
    made,
    z
      .strictObject({
        path: text,
        bytes: count,
        sha256: sha256.optional().describe('That of a single file.'),
        files: z
          .array(z.strictObject({ path: text, bytes: count, sha256 }))
          .optional()
          .describe('The files of weights of a folder.'),
        omitted: z.array(text).optional().describe('Files of a folder that were not taken over.'),
        changed: count,
        left: z.array(text),
      })
      .describe('With --into: the checkpoint, how many weights changed, and layers that fit none.'),
  ]),
  'lora-convert': made,
  'lora-inspect': z.array(
    z.strictObject({
      path: text,
      bytes: count,
      kinds: z.record(text, count).describe('Number of layers by kind.'),
      form: z
        .enum(['kohya', 'diffusers', 'peft', 'lycoris', 'comfy', 'omi', 'unknown'])
        .describe('Whose names it has.'),
      base: text.nullable().describe('The family of base models it is for.'),
      layers: count,
      ranks,
      parameters: count,
      formats: z.record(text, count).describe('Number of tensors by number format.'),
      about: z.strictObject({
        trainer: text.nullable().describe('The program that trained it, by what it wrote into the file.'),
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
      norms: z
        .strictObject({
          whole: z.number(),
          blocks: z.array(z.strictObject({ block: text, layers: count, norm: z.number() })),
          unmeasured: z.array(text).describe('Layers of kinds whose change depends on the base.'),
        })
        .nullable()
        .describe('‖ΔW‖ by block; null where it was not measured.'),
      unmeasured: text.nullable().describe('Why it was not measured.'),
      sha256: sha256.nullable(),
      payload_sha256: sha256.nullable().describe('sshs_model_hash; its first 12 digits are the hash of A1111.'),
      problems,
    }),
  ),
  'lora-check': z.strictObject({
    files: z.array(
      z.strictObject({ path: text, sound: z.boolean(), base: text.nullable(), layers: count, problems, fit }),
    ),
  }),
  'lora-edit': z.strictObject({ path: text, bytes: count, sha256, base: text.nullable(), changed: z.array(text) }),
};
