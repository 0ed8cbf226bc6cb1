/** The documents that `report` and `compare` print with --json, as schemas. */
import { z } from 'zod';

const text = z.string();
const count = z.number().int().min(0);
const number = z.number();
const chooser = text.regex(/^(?:you|preset|detected|preset:.+)$/u).describe('preset:NAME is a preset of your own.');
const curve = z.strictObject({ steps: z.array(count), values: z.array(number) });
const measured = z.strictObject({ loss: number, stderr: number });

const scored = z.strictObject({ value: number, stderr: number }).nullable();
const judgedRow = z.strictObject({
  step: count.describe('0 is the base model alone.'),
  strength: number,
  validation: measured.nullable(),
  likeness: scored,
  bleeding: scored,
  diversity: scored,
  copies: z.strictObject({ copied: count, samples: count, nearest: text }).nullable(),
});
const judgement = z.strictObject({
  measure: text.describe('What compared the pictures.'),
  rows: z.array(judgedRow),
  advice: z
    .strictObject({ step: count.nullable(), strength: number.nullable(), lines: z.array(text) })
    .nullable()
    .describe('null while rows are missing.'),
});

export const reportDocument = z.strictObject({
  name: text,
  state: z.enum(['created', 'live', 'finished', 'stopped', 'failed', 'died', 'unreadable']),
  verdict: z
    .strictObject({ tone: z.enum(['good', 'warn', 'bad', 'live']), title: text, lines: z.array(text) })
    .describe('The answer a person wants first.'),
  step: count,
  steps: count,
  epoch: count.nullable(),
  started_at: number.nullable().describe('Seconds since 1970.'),
  seconds: number.nullable().describe('At work, without the time between attempts.'),
  seconds_left: number.nullable(),
  best_step: count.nullable(),
  learned: z
    .strictObject({
      verdict: z.enum(['learned', 'nothing', 'unknown']),
      reason: text.nullable(),
      before: measured.nullable(),
      after: measured.nullable(),
      weight_change: z.record(text, number).describe('‖ΔW‖ ÷ ‖W‖ by part.'),
    })
    .nullable(),
  loss: curve.describe('At most 3,969 points; neighbours of a longer run are averaged.'),
  learning_rate: curve,
  validation: z.array(z.strictObject({ step: count, loss: number, stderr: number })),
  samples: z.array(
    z.strictObject({
      index: count,
      prompt: text,
      seed: count,
      base: text.nullable().describe('Without the LoRA; a path in the run folder.'),
      steps: z.array(z.strictObject({ step: count, path: text })),
    }),
  ),
  dataset: z
    .strictObject({
      images: count,
      validation: count,
      regularisation: count,
      masks: count,
      uses: count,
      epochs: number,
      buckets: z.array(z.strictObject({ size: z.tuple([count, count]), images: count })),
      trigger: text,
      tags: z.array(z.strictObject({ tag: text, images: count })),
      uncaptioned: count,
      captions: z.array(z.strictObject({ path: text, caption: text })),
    })
    .nullable(),
  image_losses: z
    .array(
      z.strictObject({
        path: text,
        kind: z.enum(['learned', 'never', 'by_heart', 'held_out']),
        before: number,
        after: number,
      }),
    )
    .nullable()
    .describe('The highest loss after training first.'),
  judgement: judgement.nullable().describe('null where `judge` was not asked.'),
  model: z
    .strictObject({
      ...{ name: text, family: text, prediction: text, clip_skip: count, sha256: text.nullable() },
      flow_shift: z.number().optional(),
      embedding: text.optional().describe('The word that an embedding beside the LoRA stands for.'),
    })
    .nullable(),
  settings: z.array(z.strictObject({ key: text, value: z.unknown(), by: chooser })),
  machine: z.record(text, z.union([text, number, z.boolean(), z.null()])),
  files: z.array(z.strictObject({ path: text, bytes: count, sha256: text, step: count.nullable() })),
  spec_sha256: text.nullable(),
  notes: z.array(z.strictObject({ level: z.enum(['info', 'warn']), text })),
});

const point = z.strictObject({ step: count, loss: number, stderr: number }).nullable();
const difference = z.strictObject({ key: text, values: z.array(z.unknown()) });

export const compareDocument = z.strictObject({
  group: text.nullable().describe('The group whose runs these are, the best first; null for runs that were named.'),
  runs: z.array(
    z.strictObject({
      name: text,
      state: text,
      verdict: text,
      step: count,
      steps: count,
      seconds: number.nullable(),
      loss: number.nullable().describe('Mean over the last twentieth of the curve.'),
      validation: point.describe('The newest.'),
      best: point.describe('The lowest validation loss.'),
      sha256: text.nullable(),
      judged: z.strictObject({ measure: text, row: judgedRow }).nullable().describe('The row that `judge` advises.'),
    }),
  ),
  effects: z
    .array(
      z.strictObject({
        key: text,
        values: z.array(
          z.strictObject({ value: z.unknown(), runs: count, mean: number.nullable(), lowest: number.nullable() }),
        ),
      }),
    )
    .describe('Of a sweep: the mean best validation loss over all runs with each value.'),
  settings: z.array(difference).describe('Settings that are not the same; values in the order of the runs.'),
  machine: z.array(difference).describe('What was used, where it is not the same.'),
  samples: z.array(
    z.strictObject({
      prompt: text,
      seed: count,
      newest: z.array(z.strictObject({ step: count, path: text }).nullable()),
    }),
  ),
});
