/** The documents of `models …` and `dataset …`, as schemas. */
import { z } from 'zod';
import { findingKinds } from '../../../../engine/check/finding.ts';

const text = z.string();
const count = z.number().int().min(0);
const pixels = z.tuple([count, count]);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

const partial = z.strictObject({
  path: text,
  kind: z.enum(['unfinished', 'wrong-hash', 'other', 'unreadable']),
  bytes: count,
  total: count.optional(),
  age: z.number().describe('Seconds since it last grew.'),
  busy: z.boolean(),
});

const licence = z.strictObject({ name: text, url: text, restrictions: text, acceptance: z.boolean() });

export const assetDocuments = {
  'dataset-check': z.strictObject({
    root: text,
    images: count,
    captions: count,
    smallest: pixels.nullable(),
    largest: pixels.nullable(),
    formats: z.record(text, count),
    folders: z.array(z.strictObject({ path: text, images: count, repeats: count })),
    leftOut: z.array(z.strictObject({ path: text, reason: text, problem: text })),
    others: z.record(text, count),
    otherCaptions: z.record(text, count),
    notes: z.array(text),
    sources: z.array(text).describe('A line about each source of the settings.'),
    parts: z
      .array(text)
      .describe('What the wizard would make sources of; empty with settings, and for a plain folder.'),
    findings: z
      .array(
        z.strictObject({
          kind: z.enum(findingKinds),
          level: z.enum(['warn', 'info']),
          what: text,
          done: text.describe('What a run does about it.'),
          change: text.describe('How to change that.'),
          items: z.array(z.strictObject({ path: text, detail: text })),
        }),
      )
      .describe('What is odd about pixels, sizes and captions.'),
    base: text.describe('The base model that sizes and captions are checked for.'),
    resolution: count,
    unseen: count.describe('Number of pictures whose pixels were not looked at.'),
    reason: text.nullable().describe('Why they were not.'),
  }),
  'dataset-mask': z.strictObject({
    root: text,
    find: z.array(text).describe('What was looked for.'),
    masks: z.array(z.strictObject({ path: text, mask: text.describe('File of the mask, outside of the folder.') })),
    nothing: z
      .array(z.strictObject({ path: text, kinds: z.array(text) }))
      .describe('Pictures in which something was not found by this call.'),
    failed: z.array(z.strictObject({ path: text, reason: text })),
  }),
  'dataset-caption': z.strictObject({
    root: text,
    images: z.array(z.looseObject({ path: text, caption: text })),
    failed: z.array(z.strictObject({ path: text, reason: text })),
    files: z.array(text),
  }),
  'dataset-caption-edit': z.strictObject({
    captions: z
      .array(z.strictObject({ path: text, before: text.nullable(), after: text }))
      .describe('What was changed.'),
  }),
  'dataset-caption-undo': z.strictObject({
    edit: text.nullable().describe('When the edit was made that is taken back; null for none.'),
    images: z.array(text),
  }),
  'dataset-caption-versions': z.strictObject({
    images: z.array(
      z.strictObject({
        path: text,
        own: text.nullable().describe('The caption that the files of the picture give it.'),
        current: count.describe('How many of the versions count, from the first one.'),
        versions: z.array(z.strictObject({ at: text, text })),
      }),
    ),
  }),
  'dataset-tags': z.strictObject({
    root: text,
    captions: z.union([
      count.describe('Their number.'),
      z.array(z.strictObject({ path: text, before: text.nullable(), after: text.nullable() })).describe('--preview.'),
    ]),
    tags: z.array(z.looseObject({ tag: text })),
    rare: z.array(text),
    near: z.array(z.strictObject({ tag: text, likely: text })),
    common: z.array(text),
    groups: z.record(text, z.array(text)),
    sentences: count,
  }),
  'models-list': z.strictObject({
    models: z.array(
      z.strictObject({
        id: text,
        title: text,
        kind: text,
        what: text,
        state: text,
        ready: z.boolean(),
        path: text,
        bytes: count.nullable(),
        license: licence,
        added: z.boolean(),
      }),
    ),
    partials: z.array(partial),
  }),
  'models-info': z
    .looseObject({ id: text, title: text, kind: text, path: text, ready: z.boolean(), missing: z.array(text) })
    .describe('The entry as models.yaml has it, and where it lies.'),
  'models-pull': z.union([
    z.strictObject({ id: text, path: text, fetched: z.boolean() }).describe('An entry.'),
    z.strictObject({ path: text, sha256, outcome: text }).describe('An address.'),
  ]),
  'models-add': z.union([
    z.strictObject({ id: text, known: z.literal(true) }),
    z.strictObject({ id: text, known: z.literal(false), family: text, prediction: text, file: text }),
  ]),
  'models-check': z.strictObject({
    sources: z.array(z.strictObject({ ids: z.array(text), file: text, source: text, state: text, detail: text })),
    stale: count,
  }),
  'models-verify': z.strictObject({
    files: z.array(z.strictObject({ id: text, file: text, path: text, state: text, moved: text.optional() })),
  }),
  'models-rm': z.strictObject({
    removed: z.array(z.strictObject({ id: text, bytes: count, entry: z.boolean() })),
    partials: z.array(partial),
  }),
} satisfies Readonly<Record<string, z.ZodType>>;
