/**
 * events.jsonl, version 1: everything that happens in a run, one line of JSON per event, the single source of the
 * dashboard, plain lines, `--json`, the report and hooks.
 *
 * The file has one writer at a time: the supervisor until it starts the trainer, the trainer until it exits, then the
 * supervisor again. Every line is one `write()` in append mode; `seq` goes on from the last complete line. Readers
 * keep a partial last line for later, skip lines they cannot parse and ignore types they do not know.
 */
import { z } from 'zod';

export const EVENTS_VERSION = 1;

const bytes = z.number().min(0);
const step = z.number().int().min(0);

/** Type → payload. `v`, `seq`, `t` (seconds since 1970) and `type` stand beside the payload in each line. */
export const payloads = {
  // -- supervisor ------------------------------------------------------------------------------------------------
  /** First line of the file, and again at each resume. */
  run: z.object({
    name: z.string(),
    attempt: z.number().int().min(1),
    steps: step,
    host: z.string(),
    version: z.string(),
  }),
  /** A stretch of the run begins. */
  phase: z.object({
    phase: z.enum(['environment', 'download', 'load', 'cache', 'train', 'export']),
    detail: z.string().optional(),
  }),
  /** Progress within environment, download or cache; `total` is absent while unknown. */
  progress: z.object({
    phase: z.string(),
    item: z.string().optional(),
    unit: z.enum(['bytes', 'pictures', 'packages', 'captions']),
    done: z.number().min(0),
    total: z.number().min(0).optional(),
    /** Units per second, smoothed. */
    rate: z.number().min(0).optional(),
    detail: z.string().optional(),
  }),
  /** Worth telling a person; `level` warn also says in `text` what is done about it. */
  note: z.object({ level: z.enum(['info', 'warn']), text: z.string() }),
  // -- trainer ---------------------------------------------------------------------------------------------------
  /** What is really used: device, precision, attention kernel, versions, threads … */
  active: z.object({ facts: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])) }),
  /** Training starts at this step (0, or the checkpoint's). */
  start: z.object({ step, steps: step, batches_per_epoch: z.number().int() }),
  /** An optimiser step is done. `loss` is the mean over the step's pictures. */
  step: z.object({
    step,
    epoch: z.number().int(),
    loss: z.number(),
    lr: z.number(),
    grad_norm: z.number().optional(),
    /** Digest of the trainable weights after the step; every step in verify runs, else now and then. */
    digest: z.string().optional(),
    pictures_per_second: z.number().optional(),
    memory: bytes.optional(),
  }),
  heartbeat: z.object({ phase: z.string(), step: step.optional() }),
  validation: z.object({ step, loss: z.number(), stderr: z.number(), pictures: z.number().int() }),
  /** Path relative to the run folder. */
  checkpoint: z.object({ step, path: z.string(), bytes, best: z.boolean().optional() }),
  /** `adapter` false: made with the base model alone. */
  sample: z.object({
    step,
    index: z.number().int(),
    path: z.string(),
    prompt: z.string(),
    seed: z.number().int(),
    adapter: z.boolean(),
  }),
  /** A sample could not be made; training goes on. */
  sample_failed: z.object({ step, reason: z.string() }),
  /** The final proof; `moved` is ‖ΔW‖ ÷ ‖W‖ per part. */
  learnt: z.object({
    verdict: z.enum(['learnt', 'nothing', 'unknown']),
    moved: z.record(z.string(), z.number()),
    before: z.object({ loss: z.number(), stderr: z.number() }).optional(),
    after: z.object({ loss: z.number(), stderr: z.number() }).optional(),
    best_step: step.optional(),
    reason: z.string().optional(),
  }),
  output: z.object({ path: z.string(), bytes, sha256: z.string(), format: z.enum(['kohya', 'diffusers']) }),
  /** The trainer's last word. `finished` 0, `stopped` 75, `failed` 5 (or 3 for the machine's fault). */
  result: z.object({
    status: z.enum(['finished', 'stopped', 'failed']),
    code: z.number().int(),
    step,
    reason: z.string().optional(),
    details: z.array(z.string()).optional(),
    next_steps: z.array(z.string()).optional(),
  }),
  // -- supervisor, last line -------------------------------------------------------------------------------------
  exit: z.object({
    status: z.enum(['finished', 'stopped', 'failed']),
    code: z.number().int(),
    step,
    reason: z.string().optional(),
  }),
} as const;

export type EventType = keyof typeof payloads;
export type Payload<T extends EventType> = z.infer<(typeof payloads)[T]>;

/** One line of events.jsonl. */
export type RunEvent = {
  [T in EventType]: { v: typeof EVENTS_VERSION; seq: number; t: number; type: T } & Payload<T>;
}[EventType];
