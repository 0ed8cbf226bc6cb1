/**
 * Remembers how long a step took in earlier runs, by card and kind of run, to estimate the duration of new runs.
 * Without an earlier run of the same kind on the card there is no estimate.
 */
import { join } from 'node:path';
import { writeFileAtomic } from '../../base/files/atomic.ts';
import { makePrivateFolder } from '../../base/files/private-folder.ts';
import { readOurs } from '../../base/files/regular-file.ts';
import { formatDuration } from '../../base/text.ts';
import { secondsPerStep } from '../events/pace.ts';
import type { RunState } from '../events/run-state.ts';
import { processorName } from '../plan/device.ts';
import { canonicalJson } from '../plan/identity.ts';
import { encodesInSteps } from '../plan/parameters.ts';
import type { Plan } from '../plan/schema.ts';

/** The settings on which the duration of a step depends; both run.yaml and a plan have them. */
export interface PaceShape {
  readonly model: Pick<Plan['model'], 'family'>;
  readonly training: Pick<
    Plan['training'],
    | 'batch_size'
    | 'batch_size_at'
    | 'gradient_accumulation'
    | 'optimizer'
    | 'adapter'
    | 'dora'
    | 'conv_rank'
    | 'targets'
  > & { readonly preservation: object | null };
  readonly resources: Pick<
    Plan['resources'],
    | 'precision'
    | 'gradient_checkpointing'
    | 'base_precision'
    | 'stream_base'
    | 'attention'
    | 'compile'
    | 'deterministic'
    | 'tf32'
  >;
}

export interface PaceQuestion {
  readonly shape: PaceShape;
  /** Name of the card, or of the processor with the number of its threads. */
  readonly card: string;
  /** Whether the text encoders are trained. */
  readonly encoders: boolean;
  /** Mean pixels of an image. */
  readonly pixels: number;
  /** Bytes of the base model's weights, where known. */
  readonly weights: number | undefined;
}

interface Kept {
  readonly kind: string;
  readonly pixels: number;
  readonly seconds: number;
}

const FILE = 'paces.json';
/** Most measurements that are kept: the newest one of each kind and size of images, and the newest of these. */
const MOST = 200;
const MOST_BYTES = 1 << 20;
/** Undisturbed steps that are needed before their median is kept. */
const LEAST_STEPS = 8;
/** Share by which the pixels of an image may differ from those of an earlier run: the duration depends on them. */
const NEAR = 0.15;
/** Base models with fewer bytes of weights are for tests and say nothing about a family. SD1.5 in 16 bits has 2 GB. */
const SMALL = 1_000_000_000;

function kindOf({ shape: { model, training: t, resources: r }, card, encoders, weights }: PaceQuestion): string {
  const { batch_size, batch_size_at: at, gradient_accumulation, optimizer, adapter, dora, targets } = t;
  const { precision, gradient_checkpointing, base_precision, stream_base, attention, compile, deterministic, tf32 } = r;
  const batches = at.length === 0 ? { batch_size } : { batch_size, batch_size_at: at };
  const training = { ...batches, gradient_accumulation, optimizer, adapter, dora, targets };
  const resources = {
    precision,
    gradient_checkpointing,
    base_precision,
    stream_base,
    attention,
    compile,
    deterministic,
  };
  const more = { encoders, convolutions: t.conv_rank > 0, kept: t.preservation !== null, tf32 };
  const size = weights !== undefined && weights > 0 && weights < SMALL ? weights : null;
  return canonicalJson({ card, family: model.family, size, ...training, ...resources, ...more });
}

/** The question for a plan. `card` is the name of the device that trains. */
export function paceQuestion(plan: Plan, card: string, weights: number | undefined): PaceQuestion {
  const trained = plan.data.images.filter(({ validation }) => !validation);
  const uses = trained.reduce((sum, { repeats }) => sum + repeats, 0);
  const pixels = trained.reduce((sum, { bucket, repeats }) => sum + bucket[0] * bucket[1] * repeats, 0);
  const encoders = encodesInSteps(plan.training);
  return { shape: plan, card, encoders, pixels: pixels / Math.max(1, uses), weights };
}

/** Name of the device in the run of these events; undefined before it is known. */
function cardOf({ active }: RunState, { resources }: Plan): string | undefined {
  const { device_name: name, cpu } = active;
  if (resources.device === 'cpu') return typeof cpu === 'string' ? processorName(cpu, resources.threads) : undefined;
  return typeof name === 'string' ? name : undefined;
}

/** Remembers the pace of a run. Errors with the file are ignored. */
export function keepPace(stateDir: string, plan: Plan, state: RunState, weights: number | undefined): void {
  const seconds = secondsPerStep(state.pace);
  const card = cardOf(state, plan);
  if (seconds === undefined || card === undefined || (state.pace.recent?.length ?? 0) < LEAST_STEPS) return;
  // A run that was short of memory continues with fewer images at a time, at a pace that does not apply to other runs.
  if ((state.probe?.images ?? plan.training.batch_size) < plan.training.batch_size) return;
  const question = paceQuestion(plan, card, weights);
  const kept: Kept = { kind: kindOf(question), pixels: Math.round(question.pixels), seconds };
  try {
    const others = read(stateDir).filter(({ kind, pixels }) => kind !== kept.kind || pixels !== kept.pixels);
    makePrivateFolder(stateDir);
    writeFileAtomic(join(stateDir, FILE), `${JSON.stringify([kept, ...others].slice(0, MOST), null, 1)}\n`);
  } catch {
    // The next run will be remembered.
  }
}

/** Seconds per step in earlier runs of this kind on this card; undefined where there was none. */
export function earlierPace(stateDir: string, question: PaceQuestion): number | undefined {
  const kind = kindOf(question);
  const apart = ({ pixels }: Kept) => Math.abs(pixels / question.pixels - 1);
  const near = read(stateDir).filter((kept) => kept.kind === kind && apart(kept) <= NEAR);
  const [found] = near.sort((a, b) => apart(a) - apart(b));
  return found === undefined ? undefined : (found.seconds * question.pixels) / found.pixels;
}

/**
 * The estimate in words: `about 1 h 20 min for 1600 steps, …`. Samples and validation are not included, because they
 * differ from run to run.
 */
export function paceLine(steps: number, seconds: number): string {
  const each = seconds < 1 ? `${Math.round(seconds * 1000)} ms` : `${seconds.toFixed(1)} s`;
  return `about ${formatDuration(steps * seconds)} of training: ${each} a step, as earlier runs here took`;
}

function read(stateDir: string): readonly Kept[] {
  try {
    const text = readOurs(join(stateDir, FILE), MOST_BYTES)?.toString('utf8');
    const value: unknown = text === undefined ? [] : JSON.parse(text);
    return Array.isArray(value) ? value.filter(isKept) : [];
  } catch {
    return [];
  }
}

function isKept(value: unknown): value is Kept {
  const { kind, pixels, seconds } = (value ?? {}) as Partial<Kept>;
  return typeof kind === 'string' && isPositive(pixels) && isPositive(seconds);
}

const isPositive = (value: unknown): boolean => Number.isFinite(value) && (value as number) > 0;
