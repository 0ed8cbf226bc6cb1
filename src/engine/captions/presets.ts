/** Suggests captions for a base model and a goal. Pure. */
import type { ModelEntry } from '../../registry/catalogue/schema.ts';
import type { Goal } from '../../spec/schema.ts';
import type { CaptionSettings } from './compose.ts';

/**
 * Settings of `captions` for a base model and a goal. Base models that were trained with booru tags get tags, others
 * sentences. A style uses only tags with a high probability. Neither a style nor a character of one's own should get
 * the name of a known character.
 */
export function captionPreset(entry: Pick<ModelEntry, 'caption_style' | 'id'> | undefined, goal: Goal) {
  const write = entry?.caption_style === 'tags' ? 'tags' : 'sentences';
  if (write !== 'tags') return { write } as const satisfies Partial<CaptionSettings>;
  return {
    write,
    ...(goal === 'style' ? { threshold: 0.5 } : {}),
    ...(goal === 'concept' ? {} : { character_threshold: 1 }),
  } as const satisfies Partial<CaptionSettings>;
}
