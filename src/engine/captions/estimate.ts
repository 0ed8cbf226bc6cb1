/** Estimates the downloads and the time for writing captions. Pure. */

/**
 * Seconds of one CPU core for an image, by registry id. They are calculated, not measured: multiplications of the
 * network at its input size, at 50 billion multiply-adds a second and core, which a processor with AVX2 reaches.
 */
const CORE_SECONDS: Readonly<Record<string, number>> = {
  'wd-eva02-large-tagger-v3': 12,
  'wd-vit-large-tagger-v3': 12,
  'wd-swinv2-tagger-v3': 3,
  'wd-vit-tagger-v3': 3,
  'florence-2-base': 8,
  'blip-large': 8,
};
const UNKNOWN_CORE_SECONDS = 8;
/** Seconds for an image with a captioner on a card, with three beams. Taggers run on the processor. */
const CARD_SECONDS = 1;
/** Bytes of the packages that a tagger needs, as downloaded. */
export const TAGGER_PACKAGES = 29e6;

export interface CaptionWork {
  /** Registry id of the model. */
  readonly model: string;
  readonly kind: 'tags' | 'sentences';
  readonly images: number;
  readonly cores: number;
  readonly hasCard: boolean;
}

/** Approximate seconds for captioning. */
export function captionSeconds({ model, kind, images, cores, hasCard }: CaptionWork): number {
  if (kind === 'sentences' && hasCard) return images * CARD_SECONDS;
  return (images * (CORE_SECONDS[model] ?? UNKNOWN_CORE_SECONDS)) / Math.max(1, cores);
}
