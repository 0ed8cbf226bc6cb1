/** The documents of commands that start, list, show and end runs, as schemas. */
import { z } from 'zod';
import { imageLossesSchema } from '../../../../engine/events/image-losses.ts';
import { EVENTS_VERSION, payloads } from '../../../../engine/events/schema.ts';
import { judgementSchema } from '../../../../engine/judge/schema.ts';
import { planSchema } from '../../../../engine/plan/schema.ts';

const text = z.string();
const count = z.number().int().min(0);
const seconds = z.number();
const pixels = z.tuple([count, count]);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

// A run folder may come from a stranger, so its SHA-256 can be any text.
const output = z.strictObject({ path: text, bytes: count, sha256: text });

const exit = z
  .strictObject({
    code: z.number().int(),
    status: z.enum(['finished', 'stopped', 'failed']),
    id: text.optional().describe('Of the error, for `visiontrain explain`; there when the run failed.'),
    reason: text,
    step: count,
    outputs: z.array(output),
    details: z.array(text),
    next_steps: z.array(text),
  })
  .describe('How the run ended.');

const summaryShape = {
  name: text,
  dir: text,
  state: z.enum(['created', 'live', 'finished', 'stopped', 'failed', 'died', 'unreadable']),
  phase: text.nullable().describe('The phase that a live run is in.'),
  step: count,
  steps: count,
  seconds_left: seconds.nullable(),
  device: text.nullable(),
  attempt: count,
  host: text.nullable(),
  started_at: z.number().describe('Seconds since 1970.'),
  supervised: z.boolean().describe('False for a live run that trains without a supervisor.'),
  exit: exit.nullable(),
  problem: text.nullable().describe('For an unreadable run: which file is wrong, and why.'),
};
const summary = z.strictObject(summaryShape);

const status = z.strictObject({
  ...summaryShape,
  progress: z.array(z.strictObject({ item: text, unit: text, done: z.number(), total: z.number().optional() })),
  epoch: count.nullable(),
  loss: z.number().nullable().describe('Smoothed loss.'),
  learning_rate: z.number().nullable(),
  seconds_per_step: seconds.nullable(),
  images_per_second: z.number().nullable(),
  peak_memory_bytes: count.nullable(),
  validation: z
    .strictObject({
      step: count,
      loss: z.number(),
      stderr: z.number(),
      levels: z.array(z.strictObject({ timestep: count, loss: z.number() })).describe('The loss by part of the noise.'),
      since_start: z
        .strictObject({ change: z.number(), stderr: z.number() })
        .nullable()
        .describe('Against the loss before training, picture by picture.'),
      since_lowest: z
        .strictObject({ step: count, change: z.number(), stderr: z.number() })
        .nullable()
        .describe('Against the lowest before it, picture by picture.'),
      other: z
        .strictObject({ weights: z.enum(['ema', 'raw']), loss: z.number(), stderr: z.number() })
        .nullable()
        .describe('With training.ema: the loss of the weights that are not used.'),
    })
    .nullable(),
  checkpoints: z.array(z.strictObject({ step: count, path: text, bytes: count })),
  saved: z
    .array(z.strictObject({ step: count, epoch: count, path: text, bytes: count, sha256: text, best: z.boolean() }))
    .describe('LoRA files on the way.'),
  best_step: count.nullable(),
  learned: z.enum(['learned', 'nothing', 'unknown']).nullable(),
  probe: z
    .strictObject({
      memory_bytes: count,
      counted_bytes: count.nullable(),
      seconds_per_step: seconds,
      images: count.describe('Most in one pass.'),
      known: z.boolean().describe('Whether an earlier run had tried it.'),
    })
    .nullable()
    .describe('What the steps came to that were tried before the first.'),
  image_losses: z
    .strictObject({
      path: text.describe('The file in the run folder that has them all.'),
      images: count,
      of: count,
      never: z.array(text),
      never_count: count,
      by_heart: z.array(text),
      by_heart_count: count,
      compared_with: z.enum(['held_out', 'others']),
    })
    .nullable()
    .describe('Pictures that were never learned, and those known by heart.'),
  last_event_at: z.number().nullable(),
});

const dryRun = z.strictObject({
  plan: planSchema,
  summary: z.strictObject({
    images: count,
    validation: count,
    uses: count,
    epochs: z.number(),
    steps: count,
    buckets: z.array(z.strictObject({ size: pixels, images: count, uses: count, batches: count })),
    disk: z.strictObject({ lora: count, saved: count, checkpoints: count, cache: count, total: count }),
    lines: z.array(text),
  }),
  warnings: z.array(text),
  left_out: z.array(text),
  fetch: z.array(text).describe('Ids of models that would be fetched first.'),
  environment: text.describe('The build of PyTorch that the run would use.'),
  seconds_per_step: z.number().nullable().describe('As earlier runs of the kind took here; null where there was none.'),
});

/** An event of a run, as in `events.jsonl` and `attach --json`. */
const events = Object.entries(payloads).map(([type, payload]) =>
  payload.extend({ v: z.literal(EVENTS_VERSION), seq: count, t: z.number(), type: z.literal(type) }),
);

export const runDocuments = {
  run: z
    .strictObject({ run: text, dir: text, job: text.optional().describe('With --on slurm.') })
    .describe('run, new, demo and resume with --detach.'),
  'run-dry': dryRun.describe('run --dry-run.'),
  event: z.union(events).describe('A line of events.jsonl, and of attach, run, new, demo and resume with --json.'),
  'image-losses': imageLossesSchema.describe('image-losses.json of a run folder.'),
  plan: planSchema.describe('plan.json of a run folder.'),
  ps: z.array(summary),
  status,
  stop: z.strictObject({ ...summaryShape, was_live: z.boolean() }),
  resume: summary,
  verify: z.strictObject({
    run: text,
    verify: text,
    same: z.boolean(),
    sha256: z.tuple([sha256.nullable(), sha256.nullable()]),
    parted: z
      .strictObject({ step: count, losses: z.tuple([z.number(), z.number()]), sameLoss: z.boolean() })
      .nullable(),
    differences: z.array(z.strictObject({ fact: text, values: z.tuple([z.unknown(), z.unknown()]) })),
    mixed: z.array(text),
    same_weights: z.boolean().describe('Whether the tensors are equal, whatever the files say about themselves.'),
    metadata: z
      .array(text)
      .describe("Keys of the files' metadata that differ: another version of the program wrote them."),
  }),
  judge: judgementSchema.describe('judge, and judge.json of a run folder.'),
  export: z.union([
    z.strictObject({
      step: count.describe('Of the checkpoint, or of the newest of several.'),
      files: z.array(
        z.strictObject({
          path: text,
          bytes: count,
          sha256,
          format: z.enum(['kohya', 'diffusers', 'embedding']),
          made: z.boolean().describe('False for a file that was there already, with the same bytes.'),
        }),
      ),
    }),
    z.strictObject({ run: text, path: text.describe('The file that was written.') }).describe('slurm, skypilot.'),
    z
      .strictObject({
        path: text,
        bytes: count,
        sha256,
        files: count,
        images: z.boolean().describe('Whether the pictures are in it.'),
      })
      .describe('--bundle.'),
  ]),
  publish: z.union([
    z
      .strictObject({ repo: text, url: text, commit: text, is_private: z.boolean(), files: z.array(text) })
      .describe('hub.'),
    z.strictObject({ repo: text, files: z.array(text), card: text }).describe('hub --dry-run: nothing is sent.'),
    z.strictObject({ dir: text, files: z.array(z.strictObject({ path: text, what: text })) }).describe('kit.'),
  ]),
  queue: z.union([
    z.strictObject({
      waiting: z.array(
        z.strictObject({
          ...{ run: text, device: text, problem: text.nullable() },
          held: z.boolean(),
          after: text.nullable().describe('The run that must be finished before.'),
          state: text.describe('What keeps it from being started, in words.'),
        }),
      ),
      started: z.array(text).describe('What `queue run` has just started.'),
      sweeps: z
        .array(
          z.strictObject({
            group: text,
            name: text.describe('Beginning of the names of its runs.'),
            search: z
              .strictObject({
                runs: count,
                of: count,
                measure: text,
                best: z.strictObject({ value: z.number(), values: z.record(text, z.unknown()) }).nullable(),
                over: z.boolean(),
                problem: text.nullable(),
              })
              .nullable()
              .describe('How far Optuna is; null for a sweep that is no search.'),
            page: text.nullable().describe('The comparison as a page; null while runs are not over.'),
            table: text.nullable().describe('The same as text.'),
            hosts: z.array(text).default([]).describe('Machines that its runs were sent to.'),
          }),
        )
        .default([])
        .describe('Sweeps of this folder of runs.'),
    }),
    z
      .strictObject({ runs: z.array(z.strictObject({ name: text, values: z.record(text, z.unknown()) })) })
      .describe('`queue add --dry-run`.'),
    z
      .strictObject({ job: text, script: text, runs: z.array(text) })
      .describe('`queue add --on slurm`: one array, a job for each run.'),
  ]),
} satisfies Readonly<Record<string, z.ZodType>>;
