/** Which sample belongs to which: the same prompt and seed, with and without the LoRA. Pure. */
import type { RunState } from '../../engine/events/reducer.ts';

type Sample = RunState['samples'][number];

export interface SamplePair {
  readonly step: number;
  readonly index: number;
  readonly prompt: string;
  readonly seed: number;
  /** Relative to the run folder; `without` may be missing. */
  readonly with: string;
  readonly without: string | undefined;
}

/** Newest step first, its prompts in order. The base's own picture is the newest one of that prompt and seed. */
export function samplePairs({ samples }: Pick<RunState, 'samples'>): readonly SamplePair[] {
  const base = (sample: Sample) =>
    samples.findLast(
      (s) => !s.adapter && s.index === sample.index && s.prompt === sample.prompt && s.seed === sample.seed,
    );
  return samples
    .filter(({ adapter }) => adapter)
    .toSorted((a, b) => b.step - a.step || a.index - b.index)
    .map((sample) => ({
      step: sample.step,
      index: sample.index,
      prompt: sample.prompt,
      seed: sample.seed,
      with: sample.path,
      without: base(sample)?.path,
    }));
}
