/** Which captions suit a base model and a goal. Pure. */
import type { ModelEntry } from '../../registry/catalogue/schema.ts';
import type { Goal } from '../../spec/schema.ts';
import type { CaptionSettings } from './compose.ts';

/**
 * Settings of `captions` for a base and a goal. Bases that were taught with booru tags get tags, others sentences. A
 * style wants only what is surely there, and neither a style nor a character of one's own is to be called by the name
 * of a known one.
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
