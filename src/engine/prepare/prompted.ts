/** Sample prompts of a run that is being prepared: from the captions that are there, or from those still to be written. */
import type { HashedScan } from '../dataset/hash.ts';
import { planSamples } from '../plan/samples.ts';
import type { Plan, PlanImage } from '../plan/schema.ts';
import { promptsAreOpen, withCaptionPrompts } from './caption-prompts.ts';
import type { CaptionedScan } from './captions.ts';
import type { FilledSpec } from './fill.ts';

interface Apart {
  /** The images of `validation.path`. */
  readonly validation: HashedScan | undefined;
  /** The plan of an earlier start of the same run, which keeps its prompts. */
  readonly recorded: Plan | undefined;
}

interface Prompted extends Pick<FilledSpec, 'spec' | 'provenance'> {
  /** The recipe's prompts, where captions that are still to be written may replace them. */
  readonly openPrompts: readonly string[] | undefined;
}

/** The spec with sample prompts from the captions that are there, where nobody chose any. */
export function promptedBy(
  given: FilledSpec,
  { scan, pending: all }: CaptionedScan,
  { validation, recorded }: Apart,
): Prompted {
  if (recorded !== undefined || !promptsAreOpen(given)) return { ...given, openPrompts: undefined };
  const { prompts } = given.spec.samples;
  const pending = new Set(all);
  const apart = validation === undefined ? {} : { validation };
  const images = planSamples({ spec: given.spec, scan, ...apart });
  const captioned = images.filter(({ sha256 }) => !pending.has(sha256));
  const openPrompts = pending.size > 0 && prompts.length > 0 ? prompts : undefined;
  return { ...withCaptionPrompts(given, captioned), openPrompts };
}

/**
 * The spec with sample prompts from all captions of the run; undefined where they give none, and where a person chose the
 * prompts before the run was made, or in its run.yaml since.
 */
export function promptedAgain(
  loaded: FilledSpec,
  images: readonly Pick<PlanImage, 'caption' | 'validation' | 'regularisation'>[],
  prompts: readonly string[] | undefined,
): FilledSpec | undefined {
  if (prompts === undefined || loaded.provenance['samples.prompts'] === 'you') return undefined;
  const samples = { ...loaded.spec.samples, prompts: [...prompts] };
  const open = { ...loaded, spec: { ...loaded.spec, samples }, openPrompts: true };
  const prompted = withCaptionPrompts(open, images);
  return prompted === open ? undefined : prompted;
}

/** Sentences about captions, and that those still to be written will give the sample prompts. */
export function captionNotes({ notes }: CaptionedScan, openPrompts: Prompted['openPrompts']): readonly string[] {
  if (openPrompts === undefined) return notes;
  return [...notes, 'once they are written, the prompts of the samples are drawn from all captions'];
}
