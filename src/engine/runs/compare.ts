/** Two runs of the same spec, step by step: do their bytes agree, and if not, where do they part? */
import { readEvents } from '../events/tail.ts';
import { readExit } from './inspect.ts';

export interface Comparison {
  readonly same: boolean;
  /** SHA-256 of the LoRA, of the first and the second run; null when there is none. */
  readonly sha256: readonly [string | null, string | null];
  /** First step after which weights or loss differ; null when no step does. */
  readonly parted: PartedStep | null;
  /** What the runs really used, where it differs: the likely reason. */
  readonly differences: readonly { readonly fact: string; readonly values: readonly [unknown, unknown] }[];
}

export interface PartedStep {
  readonly step: number;
  readonly losses: readonly [number, number];
  /** The loss agrees, so the step's pictures and noise did too: it was the update that differed. */
  readonly sameLoss: boolean;
}

interface Trace {
  /** Of the attempt that did the step last: an earlier one's steps after its checkpoint never were. */
  readonly steps: ReadonlyMap<number, { readonly loss: number; readonly digest: string | undefined }>;
  readonly facts: Readonly<Record<string, unknown>>;
}

export function compareRuns(first: string, second: string): Comparison {
  const sha256 = [loraHash(first), loraHash(second)] as const;
  const [a, b] = [trace(first), trace(second)];
  const names = [...new Set([...Object.keys(a.facts), ...Object.keys(b.facts)])].sort();
  const differences = names
    .filter((fact) => a.facts[fact] !== b.facts[fact])
    .map((fact) => ({ fact, values: [a.facts[fact], b.facts[fact]] as const }));
  return { same: sha256[0] !== null && sha256[0] === sha256[1], sha256, parted: firstParted(a, b), differences };
}

function firstParted(a: Trace, b: Trace): PartedStep | null {
  const steps = [...a.steps.keys()].filter((step) => b.steps.has(step)).sort((x, y) => x - y);
  for (const step of steps) {
    const [one, two] = [a.steps.get(step), b.steps.get(step)];
    if (one === undefined || two === undefined) continue;
    const sameLoss = one.loss === two.loss;
    const sameWeights = one.digest === undefined || two.digest === undefined || one.digest === two.digest;
    if (!sameLoss || !sameWeights) return { step, losses: [one.loss, two.loss], sameLoss };
  }
  return null;
}

function trace(dir: string): Trace {
  const steps = new Map<number, { loss: number; digest: string | undefined }>();
  let facts: Record<string, unknown> = {};
  for (const batch of readEvents(dir))
    for (const event of batch) {
      if (event.type === 'step') steps.set(event.step, { loss: event.loss, digest: event.digest });
      else if (event.type === 'active') facts = event.facts;
    }
  return { steps, facts };
}

const loraHash = (dir: string): string | null => readExit(dir)?.outputs[0]?.sha256 ?? null;
