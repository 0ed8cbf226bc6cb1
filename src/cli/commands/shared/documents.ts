/**
 * The JSON documents that commands print with `--json`, as schemas. `visiontrain schema NAME` prints one; tests hold what
 * commands really print to them (`test/helpers/cli.ts`). Keys may be added in later versions; none changes its meaning.
 */
import { z } from 'zod';
import { findingKinds } from '../../../engine/check/finding.ts';
import { imageLossesSchema } from '../../../engine/events/image-losses.ts';
import { EVENTS_VERSION, payloads } from '../../../engine/events/schema.ts';
import { judgementSchema } from '../../../engine/judge/schema.ts';
import { planSchema } from '../../../engine/plan/schema.ts';
import { loraDocuments } from './lora-documents.ts';
import { compareDocument, reportDocument } from './report-document.ts';

const text = z.string();
const count = z.number().int().min(0);
const seconds = z.number();
const pixels = z.tuple([count, count]);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

// What a run folder tells may come from a stranger, so its SHA-256 is any text.
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
  pictures_per_second: z.number().nullable(),
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
    })
    .nullable(),
  checkpoints: z.array(z.strictObject({ step: count, path: text, bytes: count })),
  saved: z
    .array(z.strictObject({ step: count, epoch: count, path: text, bytes: count, sha256: text, best: z.boolean() }))
    .describe('LoRA files on the way.'),
  best_step: count.nullable(),
  learnt: z.enum(['learnt', 'nothing', 'unknown']).nullable(),
  image_losses: z
    .strictObject({
      path: text.describe('The file in the run folder that has them all.'),
      pictures: count,
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

const partial = z.strictObject({
  path: text,
  kind: z.enum(['unfinished', 'wrong-hash', 'other', 'unreadable']),
  bytes: count,
  total: count.optional(),
  age: seconds.describe('Seconds since it last grew.'),
  busy: z.boolean(),
});

const licence = z.strictObject({ name: text, url: text, restrictions: text, acceptance: z.boolean() });

const dryRun = z.strictObject({
  plan: planSchema,
  summary: z.strictObject({
    pictures: count,
    validation: count,
    uses: count,
    epochs: z.number(),
    steps: count,
    buckets: z.array(z.strictObject({ size: pixels, pictures: count, uses: count, batches: count })),
    disk: z.strictObject({ lora: count, checkpoints: count, cache: count, total: count }),
    lines: z.array(text),
  }),
  warnings: z.array(text),
  left_out: z.array(text),
  fetch: z.array(text).describe('Ids of models that would be fetched first.'),
  environment: text.describe('The build of PyTorch that the run would use.'),
});

const problem = z.strictObject({
  file: text,
  line: count.optional(),
  column: count.optional(),
  key: text,
  message: text,
});

const importLine = z.strictObject({ theirs: text, ours: text.nullable(), why: text.nullable() });

const term = z.strictObject({
  term: text,
  text,
  group: text.optional(),
  also: z.array(text).optional(),
  keys: z.array(text).optional(),
});

/** An event of a run, as `events.jsonl` and `attach --json` have them. */
const events = Object.entries(payloads).map(([type, payload]) =>
  payload.extend({ v: z.literal(EVENTS_VERSION), seq: count, t: z.number(), type: z.literal(type) }),
);

/** By name: the words of the command, with dashes between them. */
export const documents = {
  error: z
    .strictObject({
      error: z.strictObject({
        code: z.number().int().describe('The exit code.'),
        kind: text,
        id: text.describe('What `visiontrain explain` takes.'),
        message: text,
        details: z.array(text).optional(),
        next_steps: z.array(text).optional(),
        problems: z.array(problem).optional(),
      }),
    })
    .describe('What any command prints with --json when it fails.'),
  run: z.strictObject({ run: text, dir: text }).describe('run, new, demo and resume with --detach.'),
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
  }),
  import: z
    .strictObject({
      file: text,
      trainer: text,
      taken: z.array(importLine),
      changed: z.array(importLine).describe('Taken, but it means something else here.'),
      lost: z.array(importLine).describe('Without a counterpart.'),
      dangerous: z.array(importLine).describe('Not taken: secrets.'),
      off: count.describe('Words that are off or empty there.'),
    })
    .describe('new --from with the settings of another trainer.'),
  ...loraDocuments,
  report: reportDocument,
  compare: compareDocument,
  logs: z.strictObject({ line: text }).describe('One a line.'),
  setup: z
    .strictObject({
      python: text,
      python_version: text,
      torch: text,
      kind: z.enum(['own', 'given']),
      proofs: z
        .array(
          z.strictObject({
            fingerprint: text,
            device: text,
            card: text.nullable(),
            driver: text.nullable(),
            passed: z.array(text),
            failed: z.array(text),
            at: z.number(),
          }),
        )
        .optional()
        .describe('What was proven, and on which driver and card.'),
      extras: z.record(text, text.nullable()),
      build: z.unknown().describe('The build of PyTorch for this machine; null where Python is given.'),
      card: text.nullish(),
      driver: text.nullish(),
      made: z.boolean(),
      seconds,
    })
    .describe('The last line; lines of progress go to stderr.'),
  'setup-list': z
    .array(
      z.strictObject({
        name: text,
        torch: text.nullable(),
        python_version: text.nullable(),
        bytes: count,
        made_at: z.number().nullable(),
        complete: z.boolean(),
        current: z.boolean(),
        busy: z.boolean(),
      }),
    )
    .describe('setup --list.'),
  'setup-remove': z.strictObject({ removed: z.array(text), bytes: count }).describe('setup --remove.'),
  'dataset-check': z.strictObject({
    root: text,
    pictures: count,
    captions: count,
    smallest: pixels.nullable(),
    largest: pixels.nullable(),
    formats: z.record(text, count),
    folders: z.array(z.strictObject({ path: text, pictures: count, repeats: count })),
    leftOut: z.array(z.strictObject({ path: text, reason: text, problem: text })),
    others: z.record(text, count),
    otherCaptions: z.record(text, count),
    notes: z.array(text),
    sources: z.array(text).describe('A line about each source of the settings.'),
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
  'dataset-caption': z.strictObject({
    root: text,
    images: z.array(z.looseObject({ path: text, caption: text })),
    failed: z.array(z.strictObject({ path: text, reason: text })),
    files: z.array(text),
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
  explain: z.union([
    term.describe('A term, or a key of run.yaml.'),
    z.strictObject({ id: text, what: text, cause: text, cure: text }).describe('An error.'),
    z.array(term).describe('Without a word: all terms.'),
    z.strictObject({ page: text, markdown: text }).describe('agents.'),
  ]),
  completion: z.strictObject({ shell: text, script: text }),
  config: z.strictObject({
    settings: z.array(
      z.strictObject({
        name: text,
        value: text.optional(),
        source: text,
        from: z.enum(['flag', 'environment', 'folder', 'user', 'built-in']),
      }),
    ),
    places: z.strictObject({
      home: text,
      models: text,
      envs: text,
      cache: text,
      runs: text,
      config: text,
      state: text,
    }),
  }),
  judge: judgementSchema.describe('judge, and judge.json of a run folder.'),
  export: z.strictObject({
    step: count.describe('Of the checkpoint, or of the newest of several.'),
    files: z.array(
      z.strictObject({
        path: text,
        bytes: count,
        sha256,
        format: z.enum(['kohya', 'diffusers']),
        made: z.boolean().describe('False for a file that was there already, with the same bytes.'),
      }),
    ),
  }),
  queue: z.union([
    z.strictObject({
      waiting: z.array(z.strictObject({ run: text, device: text, problem: text.nullable() })),
      started: z.array(text).describe('What `queue run` has just started.'),
    }),
    z
      .strictObject({ runs: z.array(z.strictObject({ name: text, values: z.record(text, z.unknown()) })) })
      .describe('`queue add --dry-run`.'),
  ]),
  notify: z.strictObject({
    file: text.nullable().describe('The file that says so; null where nothing is said.'),
    bell: z.boolean(),
    terminal: text.describe('How the terminal shows a notice.'),
    events: z.array(text),
    targets: z.array(
      z.strictObject({
        name: text,
        events: z.array(text),
        problem: text.nullable(),
        told: z.boolean().nullable().describe('Whether --test reached it; null without --test.'),
      }),
    ),
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

export type DocumentName = keyof typeof documents;

/** The schema of a document as JSON Schema; undefined where nothing has that name. */
export function documentSchema(name: string): unknown {
  return Object.hasOwn(documents, name) ? z.toJSONSchema(documents[name as DocumentName]) : undefined;
}
