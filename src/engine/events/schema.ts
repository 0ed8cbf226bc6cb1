/**
 * events.jsonl, version 2: everything that happens in a run, one line of JSON per event, the single source of the
 * dashboard, plain lines, `--json`, the report and hooks.
 *
 * The file has one writer at a time: the supervisor until it starts the trainer, the trainer until it exits, then the
 * supervisor again. Every line is one `write()` in append mode; `seq` goes on from the last complete line. Readers
 * keep a partial last line for later, skip lines they cannot parse and ignore types they do not know. Lines of
 * version 1, which older programs wrote, are read with the names of today (`older.ts`).
 */
import { z } from 'zod';

export const EVENTS_VERSION = 2;

const bytes = z.number().min(0);
const step = z.number().int().min(0);
const fact = z.union([z.string(), z.number(), z.boolean(), z.null()]);

/**
 * Payload of each type. In every line `v`, `seq`, `t` (seconds since 1970) and `type` stand beside the payload. The
 * descriptions make docs/reference/events.md.
 */
export const payloads = {
  // -- supervisor ------------------------------------------------------------------------------------------------
  run: z
    .object({
      name: z.string(),
      attempt: z.number().int().min(1).describe('Counts from 1; each resume is a further one.'),
      steps: step.describe('Of the whole run.'),
      host: z.string(),
      device: z
        .string()
        .optional()
        .describe('As planned; `active` tells the one in use. Not in files of early versions.'),
      version: z.string().describe('Of visiontrain.'),
    })
    .describe('First line of the file, and again at each resume.'),
  phase: z
    .object({
      phase: z.enum(['environment', 'download', 'captions', 'load', 'cache', 'train', 'export']),
      detail: z.string().optional(),
    })
    .describe('A stretch of the run begins.'),
  progress: z
    .object({
      phase: z.string(),
      item: z.string().optional().describe('What is counted, where a phase counts several things, e.g. a file.'),
      unit: z.enum(['bytes', 'images', 'packages', 'captions']),
      done: z.number().min(0),
      total: z.number().min(0).optional().describe('Absent while unknown.'),
      rate: z.number().min(0).optional().describe('Units per second, smoothed.'),
      detail: z.string().optional(),
    })
    .describe('Progress within environment, download, captions or cache.'),
  note: z
    .object({ level: z.enum(['info', 'warn']), text: z.string() })
    .describe('Worth telling a person; with level warn, `text` also says what is done about it.'),
  // -- trainer ---------------------------------------------------------------------------------------------------
  active: z
    .object({ facts: z.record(z.string(), fact) })
    .describe('What is really used: device, precision, attention kernel, versions, threads …'),
  compared: z
    .object({
      original: z.string().describe('`checkpoint` at a resume; in a run that `verify` made, the run it verifies.'),
      step: step.describe('Training goes on after this step.'),
      differences: z
        .array(z.object({ fact: z.string(), was: fact, now: fact }))
        .describe('Facts of `active` that may change a byte and are not the same; empty: equal bytes are promised.'),
    })
    .describe('The present environment against the recorded one, before the first step.'),
  probe: z
    .object({
      memory: bytes.describe('Peak of tensors on the card, in either of two steps on the largest batch.'),
      counted: bytes.optional().describe('The same as the plan has it; absent where it has none, or the base is tiny.'),
      seconds_per_step: z.number().min(0),
      images: z.number().int().min(1).describe('Most in one pass, fewer than planned where memory was short.'),
      known: z.boolean().describe('true: from an earlier run of the same plan on the same card, nothing was tried.'),
    })
    .describe('Two steps were tried before the first, and everything put back as it was.'),
  start: z
    .object({ step, steps: step, batches_per_epoch: z.number().int() })
    .describe('Training starts at this step: 0, or the checkpoint’s. Whatever was told of later steps is void.'),
  step: z
    .object({
      step,
      epoch: z.number().int().describe('From 1.'),
      loss: z.number().describe('Mean over the pictures of the step.'),
      lr: z.number(),
      lr_used: z
        .number()
        .optional()
        .describe('What an optimiser makes of `lr` that finds the rate by itself: d · lr, where that is Prodigy.'),
      grad_norm: z.number().optional(),
      digest: z
        .string()
        .optional()
        .describe('Of the trainable weights after the step; in verify runs each step, else now and then.'),
      images_per_second: z.number().optional(),
      memories: z
        .array(bytes)
        .optional()
        .describe('Where several processes train: the peak memory of each, in whole MiB.'),
      capped: z
        .object({ layers: z.number().int(), mean: z.number(), largest: z.number() })
        .optional()
        .describe(
          'With `training.max_weight_norm`: how many layers were scaled down, and the mean and largest norm of a layer after it.',
        ),
      memory: bytes
        .optional()
        .describe('Peak bytes: tensors on the card since encoding was over; on a CPU the process.'),
    })
    .describe('An optimiser step is done.'),
  heartbeat: z
    .object({ phase: z.string(), step: step.optional() })
    .describe('The trainer lives, though it has nothing to tell; every 15 seconds.'),
  validation: z
    .object({
      step,
      loss: z.number(),
      stderr: z.number(),
      images: z.number().int(),
      levels: z
        .array(z.object({ timestep: z.number().int(), loss: z.number() }))
        .optional()
        .describe('The mean at each timestep it is measured at: shapes are drawn at high ones, details at low ones.'),
      since_start: z
        .object({ change: z.number(), stderr: z.number() })
        .optional()
        .describe('Change since before training, and its standard error from the differences of each picture.'),
      since_lowest: z
        .object({ step, change: z.number(), stderr: z.number() })
        .optional()
        .describe('The same since the lowest validation before this one.'),
      other: z
        .object({ weights: z.enum(['ema', 'raw']), loss: z.number(), stderr: z.number() })
        .optional()
        .describe('With `training.ema`: the loss of the weights that are not used, the trained ones or their average.'),
    })
    .describe('Loss on pictures that are not trained on, at fixed noise and timesteps, with its standard error.'),
  metric: z
    .object({ step, hook: z.string().describe('Which hook said so.'), values: z.record(z.string(), z.number()) })
    .describe('Numbers that a hook answered with; the trainer writes them down for the supervisor.'),
  checkpoint: z
    .object({ step, path: z.string().describe('Relative to the run folder.'), bytes, best: z.boolean().optional() })
    .describe('A resumable checkpoint is on the disk.'),
  saved: z
    .object({
      step,
      epoch: z.number().int().describe('In which this step lies, from 1.'),
      path: z.string().describe('Relative to the run folder.'),
      bytes,
      sha256: z.string(),
      format: z.enum(['kohya', 'diffusers', 'embedding']),
      best: z.boolean().optional().describe('true: of the step that validated best, written at the end.'),
    })
    .describe('A LoRA file of a step on the way is on the disk.'),
  unsaved: z.object({ path: z.string() }).describe('A LoRA file on the way was removed, as `output.save_keep` says.'),
  sample: z
    .object({
      step,
      index: z.number().int(),
      path: z.string().describe('Relative to the run folder.'),
      prompt: z.string(),
      seed: z.number().int(),
      adapter: z.boolean().describe('false: made with the base model alone.'),
    })
    .describe('A sample picture is on the disk.'),
  sample_failed: z.object({ step, reason: z.string() }).describe('A sample could not be made; training goes on.'),
  learned: z
    .object({
      verdict: z.enum(['learned', 'nothing', 'unknown']),
      weight_change: z.record(z.string(), z.number()).describe('‖ΔW‖ ÷ ‖W‖ per part.'),
      before: z.object({ loss: z.number(), stderr: z.number() }).optional(),
      after: z.object({ loss: z.number(), stderr: z.number() }).optional(),
      best_step: step.optional(),
      reason: z.string().optional(),
    })
    .describe('The final proof that something was learned.'),
  image_losses: z
    .object({
      step,
      path: z.string().describe('image-losses.json, relative to the run folder.'),
      images: z.number().int().describe('That were measured.'),
      of: z.number().int().describe('That are trained on.'),
      never: z.array(z.string()).describe('Paths of the first that were never learned.'),
      never_count: z.number().int(),
      by_heart: z.array(z.string()).describe('Paths of the first that are known by heart.'),
      by_heart_count: z.number().int(),
      compared_with: z.enum(['held_out', 'others']).describe('What those known by heart gained more than.'),
    })
    .describe('The loss of each picture before and after training was measured.'),
  output: z
    .object({
      path: z.string().describe('Relative to the run folder.'),
      bytes,
      sha256: z.string(),
      format: z.enum(['kohya', 'diffusers', 'embedding']),
    })
    .describe('A LoRA file is on the disk.'),
  result: z
    .object({
      status: z.enum(['finished', 'stopped', 'failed']),
      code: z.number().int().describe('Exit code: 0 finished, 75 stopped, 5 failed, 3 failed by the machine’s fault.'),
      id: z.string().optional().describe('Of the error, for `visiontrain explain`; there when it failed.'),
      step,
      reason: z.string().optional(),
      details: z.array(z.string()).optional(),
      next_steps: z.array(z.string()).optional(),
    })
    .describe('The trainer’s last word.'),
  // -- supervisor, last line -------------------------------------------------------------------------------------
  exit: z
    .object({
      status: z.enum(['finished', 'stopped', 'failed']),
      code: z.number().int(),
      id: z.string().optional().describe('Of the error, for `visiontrain explain`; there when it failed.'),
      step,
      reason: z.string().optional(),
    })
    .describe('Last line of an attempt, by the supervisor; exit.json is there when it is.'),
} as const;

export type EventType = keyof typeof payloads;
export type Payload<T extends EventType> = z.infer<(typeof payloads)[T]>;

/** One line of events.jsonl. */
export type RunEvent = {
  [T in EventType]: { v: typeof EVENTS_VERSION; seq: number; t: number; type: T } & Payload<T>;
}[EventType];
