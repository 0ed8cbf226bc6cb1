/**
 * Checks lines of events.jsonl by hand against the schema: a run folder may be a stranger's, half a million lines must
 * be read in a second, and `ps` cannot wait for zod to load. The types compare each shape with the keys of `payloads`,
 * and a test compares the values.
 */
import type { EventType, Payload, RunEvent } from './schema.ts';

type Check = (value: unknown) => boolean;
interface Optional {
  readonly optional: Check;
}
type Shape<T extends EventType> = {
  readonly [K in keyof Payload<T>]-?: undefined extends Payload<T>[K] ? Optional : Check;
};

/** Most entries of a list or record; a trainer reports about thirty facts. */
const MOST_ENTRIES = 256;
/** Deepest nesting of a key that a later version may add. */
const DEEPEST = 8;

const text: Check = (value) => typeof value === 'string';
const flag: Check = (value) => typeof value === 'boolean';
const number: Check = Number.isFinite;
const whole: Check = Number.isSafeInteger;
const count: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const amount: Check = (value) => Number.isFinite(value) && (value as number) >= 0;
const positive: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 1;
const fact: Check = (value) => value === null || text(value) || number(value) || flag(value);
const oneOf = (...words: readonly unknown[]): Check => {
  const known = new Set(words);
  return (value) => known.has(value);
};
const object = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const recordOf =
  (check: Check): Check =>
  (value) => {
    if (!object(value)) return false;
    const values = Object.values(value);
    return values.length <= MOST_ENTRIES && values.every(check);
  };
const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.length <= MOST_ENTRIES && value.every(check);
const objectOf =
  (keys: Readonly<Record<string, Check>>): Check =>
  (value) =>
    object(value) && Object.entries(keys).every(([key, check]) => check(value[key]));
const optional = (check: Check): Optional => ({ optional: check });

const measured = objectOf({ loss: number, stderr: number });
const status = oneOf('finished', 'stopped', 'failed');

const shapes: { readonly [T in EventType]: Shape<T> } = {
  run: { name: text, attempt: positive, steps: count, host: text, device: optional(text), version: text },
  phase: {
    phase: oneOf('environment', 'download', 'captions', 'load', 'cache', 'train', 'export'),
    detail: optional(text),
  },
  progress: {
    phase: text,
    item: optional(text),
    unit: oneOf('bytes', 'images', 'packages', 'captions'),
    done: amount,
    total: optional(amount),
    rate: optional(amount),
    detail: optional(text),
  },
  note: { level: oneOf('info', 'warn'), text },
  active: { facts: recordOf(fact) },
  compared: { original: text, step: count, differences: listOf(objectOf({ fact: text, was: fact, now: fact })) },
  probe: { memory: amount, counted: optional(amount), seconds_per_step: amount, images: positive, known: flag },
  start: { step: count, steps: count, batches_per_epoch: whole },
  step: {
    step: count,
    epoch: whole,
    loss: number,
    lr: number,
    lr_used: optional(number),
    grad_norm: optional(number),
    digest: optional(text),
    images_per_second: optional(number),
    memory: optional(amount),
    memories: optional(listOf(amount)),
    capped: optional(objectOf({ layers: count, mean: number, largest: number })),
  },
  heartbeat: { phase: text, step: optional(count) },
  metric: { step: count, hook: text, values: recordOf(number) },
  validation: {
    step: count,
    loss: number,
    stderr: number,
    images: whole,
    levels: optional(listOf(objectOf({ timestep: whole, loss: number }))),
    since_start: optional(objectOf({ change: number, stderr: number })),
    since_lowest: optional(objectOf({ step: count, change: number, stderr: number })),
    other: optional(objectOf({ weights: oneOf('ema', 'raw'), loss: number, stderr: number })),
  },
  checkpoint: { step: count, path: text, bytes: amount, best: optional(flag) },
  saved: {
    step: count,
    epoch: whole,
    path: text,
    bytes: amount,
    sha256: text,
    format: oneOf('kohya', 'diffusers', 'embedding'),
    best: optional(flag),
  },
  unsaved: { path: text },
  sample: { step: count, index: whole, path: text, prompt: text, seed: whole, adapter: flag },
  sample_failed: { step: count, reason: text },
  learned: {
    verdict: oneOf('learned', 'nothing', 'unknown'),
    weight_change: recordOf(number),
    before: optional(measured),
    after: optional(measured),
    best_step: optional(count),
    reason: optional(text),
  },
  image_losses: {
    step: count,
    path: text,
    images: count,
    of: count,
    never: listOf(text),
    never_count: count,
    by_heart: listOf(text),
    by_heart_count: count,
    compared_with: oneOf('held_out', 'others'),
  },
  output: { path: text, bytes: amount, sha256: text, format: oneOf('kohya', 'diffusers', 'embedding') },
  result: {
    status,
    code: whole,
    id: optional(text),
    step: count,
    reason: optional(text),
    details: optional(listOf(text)),
    next_steps: optional(listOf(text)),
  },
  exit: { status, code: whole, id: optional(text), step: count, reason: optional(text) },
};

interface Rule {
  readonly check: Check;
  readonly required: boolean;
}
interface Rules {
  readonly of: ReadonlyMap<string, Rule>;
  readonly required: number;
}

const HEAD: Readonly<Record<string, Check>> = { seq: count, t: amount, type: text };
const EVERY = rulesOf({ v: optional(number), ...HEAD });
const byType = new Map(
  Object.entries(shapes).map(([type, shape]) => [type, rulesOf({ v: optional(number), ...HEAD, ...shape })]),
);

function rulesOf(shape: Readonly<Record<string, Check | Optional>>): Rules {
  const of = new Map(
    Object.entries(shape).map(([key, kind]): [string, Rule] => [
      key,
      typeof kind === 'function' ? { check: kind, required: true } : { check: kind.optional, required: false },
    ]),
  );
  return { of, required: [...of.values()].filter(({ required }) => required).length };
}

/**
 * Whether a value is an event with valid types. An optional key with a wrong value is removed from the event, and so
 * is an unknown key (of a later version) that is nested too deep. An event of an unknown type needs only a valid head.
 */
export function checkedEvent(value: unknown): value is RunEvent {
  if (!object(value)) return false;
  const rules = byType.get(value.type as string) ?? EVERY;
  let found = 0;
  for (const key in value) {
    const rule = rules.of.get(key);
    const sound = rule === undefined ? flat(value[key], DEEPEST) : rule.check(value[key]);
    if (sound) found += rule?.required === true ? 1 : 0;
    else if (rule?.required === true) return false;
    else delete (value as Record<string, unknown>)[key];
  }
  return found === rules.required;
}

function flat(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return depth > 0 && Object.values(value).every((inner) => flat(inner, depth - 1));
}
