/** Pairs samples of the same prompt and seed, with and without the LoRA. Pure. */
import type { RunState } from '../../engine/events/run-state.ts';

type Sample = RunState['samples'][number];

export interface SamplePair {
  readonly step: number;
  readonly index: number;
  readonly prompt: string;
  readonly seed: number;
  /** Path relative to the run folder, like `without`. At least one of the two is there. */
  readonly with: string | undefined;
  readonly without: string | undefined;
}

/**
 * The pairs, those of the newest step first, in the order of the prompts. The sample of the base model is the newest
 * one with that prompt and seed. While there are no samples of the LoRA, samples of the base model come alone, at the
 * end.
 */
export function samplePairs({ samples }: Pick<RunState, 'samples'>): readonly SamplePair[] {
  const likeIt = (one: Sample) => (s: Sample) =>
    s.adapter !== one.adapter && s.index === one.index && s.prompt === one.prompt && s.seed === one.seed;
  return samples
    .filter((sample) => sample.adapter || !samples.some(likeIt(sample)))
    .toSorted((a, b) => b.step - a.step || a.index - b.index)
    .map((sample) => ({
      step: sample.step,
      index: sample.index,
      prompt: sample.prompt,
      seed: sample.seed,
      with: sample.adapter ? sample.path : undefined,
      without: sample.adapter ? samples.findLast(likeIt(sample))?.path : sample.path,
    }));
}

/**
 * Index of the pair that was shown before newer samples came, so that nothing moves under a person who walks the pairs.
 * Who looks at the first one wants the newest, and gets it.
 */
export function placeAfter(before: Pick<RunState, 'samples'>, now: Pick<RunState, 'samples'>, at: number): number {
  if (at === 0 || before.samples === now.samples) return at;
  const shown = samplePairs(before)[at];
  const pairs = samplePairs(now);
  const place = pairs.findIndex(
    ({ step, index, prompt, seed }) =>
      step === shown?.step && index === shown.index && prompt === shown.prompt && seed === shown.seed,
  );
  return place >= 0 ? place : Math.min(at, Math.max(0, pairs.length - 1));
}
