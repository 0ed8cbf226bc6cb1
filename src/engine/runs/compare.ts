/**
 * Compares two runs of the same spec step by step: are their bytes equal, and if not, at which step do they begin to
 * differ?
 */
import { readEvents } from '../events/tail.ts';
import { readExit } from '../run-folder/run-files.ts';

export interface Comparison {
  readonly same: boolean;
  /** SHA-256 of the LoRA of the first and of the second run; null when a run has none. */
  readonly sha256: readonly [string | null, string | null];
  /** The first step after which weights or loss differ; null when no step does. */
  readonly parted: PartedStep | null;
  /** Facts about what the runs really used that differ between them: the likely cause. */
  readonly differences: readonly { readonly fact: string; readonly values: readonly [unknown, unknown] }[];
  /** Facts that differed between attempts of the first run itself, so that equal bytes were never to be expected. */
  readonly mixed: readonly string[];
}

export interface PartedStep {
  readonly step: number;
  readonly losses: readonly [number, number];
  /**
   * Whether the loss is equal. In that case the images and the noise of the step were equal too, and the update
   * differed.
   */
  readonly sameLoss: boolean;
}

interface Trace {
  /**
   * Loss and digest of each step, from the last attempt that did the step: a resume drops the steps of an earlier
   * attempt after its checkpoint.
   */
  readonly steps: ReadonlyMap<number, { readonly loss: number; readonly digest: string | undefined }>;
  readonly facts: Readonly<Record<string, unknown>>;
  /** Facts that differed between the attempts of this run. */
  readonly mixed: readonly string[];
}

/**
 * Facts on which no byte of the LoRA depends by itself: which of several equal cards, libraries that only carry bytes,
 * and numbers that the plan decides.
 */
export const WITHOUT_EFFECT: ReadonlySet<string> = new Set([
  'device',
  'accelerate',
  'safetensors',
  'trainable',
  'layers',
]);

export function compareRuns(first: string, second: string): Comparison {
  const sha256 = [loraHash(first), loraHash(second)] as const;
  const [a, b] = [trace(first), trace(second)];
  const names = [...new Set([...Object.keys(a.facts), ...Object.keys(b.facts)])].sort();
  const differences = names
    .filter((fact) => a.facts[fact] !== b.facts[fact] && !WITHOUT_EFFECT.has(fact))
    .map((fact) => ({ fact, values: [a.facts[fact], b.facts[fact]] as const }));
  const same = sha256[0] !== null && sha256[0] === sha256[1];
  return { same, sha256, parted: firstParted(a, b), differences, mixed: a.mixed };
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
  const mixed = new Set<string>();
  for (const batch of readEvents(dir))
    for (const event of batch) {
      if (event.type === 'step') steps.set(event.step, { loss: event.loss, digest: event.digest });
      else if (event.type === 'active') facts = event.facts;
      else if (event.type === 'compared' && event.original === 'checkpoint')
        for (const { fact } of event.differences) mixed.add(fact);
    }
  return { steps, facts, mixed: [...mixed].sort() };
}

/** What a run really used, from its newest `active` event; empty when it never got that far. */
export const usedFacts = (dir: string): Readonly<Record<string, unknown>> => trace(dir).facts;

const loraHash = (dir: string): string | null => readExit(dir)?.outputs[0]?.sha256 ?? null;
