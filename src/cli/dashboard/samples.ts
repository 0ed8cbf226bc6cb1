/** Which sample belongs to which: the same prompt and seed, with and without the LoRA. Pure. */
import type { RunState } from '../../engine/events/reducer.ts';

type Sample = RunState['samples'][number];

export interface SamplePair {
  readonly step: number;
  readonly index: number;
  readonly prompt: string;
  readonly seed: number;
  /** Relative to the run folder, as `without`; at least one of them is there. */
  readonly with: string | undefined;
  readonly without: string | undefined;
}

/**
 * Newest step first, its prompts in order. The base's own picture is the newest one of that prompt and seed; it comes
 * alone, at the end, as long as the LoRA has made none of them.
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
