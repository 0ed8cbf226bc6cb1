/**
 * Reads what the metadata of a LoRA says about its training and itself. Pure; the texts come from the file and are not
 * harmless.
 */

import { progressIn, trainerOf } from './trainer.ts';

export interface LoraAbout {
  /** The program that trained it; null when unknown. */
  readonly trainer: string | null;
  readonly title: string | null;
  readonly author: string | null;
  readonly description: string | null;
  readonly license: string | null;
  readonly trigger: string | null;
  readonly base: string | null;
  /** Facts about the training as label and value, in the order of display. */
  readonly training: readonly (readonly [label: string, value: string])[];
  /** The most frequent tags of its training images. */
  readonly tags: readonly { readonly tag: string; readonly count: number }[];
  /** The SHA-256 of everything behind the header, as its author wrote it; null when absent. */
  readonly payload: string | null;
}

type Metadata = Readonly<Record<string, string>>;

const FACTS: readonly (readonly [key: string, label: string])[] = [
  ['ss_network_module', 'network'],
  ['ss_network_args', 'its arguments'],
  ['ss_network_dim', 'rank'],
  ['ss_network_alpha', 'alpha'],
  ['ss_steps', 'steps'],
  ['ss_num_epochs', 'epochs'],
  ['ss_num_train_images', 'uses of pictures in an epoch'],
  ['ss_total_batch_size', 'batch'],
  ['ss_resolution', 'resolution'],
  ['ss_learning_rate', 'learning rate'],
  ['ss_unet_lr', 'of the U-Net'],
  ['ss_text_encoder_lr', 'of the text encoders'],
  ['ss_optimizer', 'optimizer'],
  ['ss_lr_scheduler', 'schedule'],
  ['ss_min_snr_gamma', 'min-SNR gamma'],
  ['ss_noise_offset', 'noise offset'],
  ['ss_clip_skip', 'clip skip'],
  ['ss_seed', 'seed'],
  ['ss_mixed_precision', 'precision'],
];
const MOST_TAGS = 20;

export function aboutLora(given: Metadata): LoraAbout {
  const metadata = { ...progressIn(given), ...given };
  const text = (...keys: readonly string[]) => keys.map((key) => metadata[key]).find((value) => value) ?? null;
  return {
    trainer: trainerOf(metadata),
    title: text('modelspec.title', 'ss_output_name', 'name'),
    author: text('modelspec.author'),
    description: text('modelspec.description', 'modelspec.comment', 'ss_training_comment'),
    license: text('modelspec.license'),
    trigger: text('modelspec.trigger_phrase', 'trained_words'),
    base: text('ss_sd_model_name', 'ss_base_model_version', 'modelspec.architecture'),
    training: FACTS.flatMap(([key, label]) => {
      const value = metadata[key];
      return value === undefined || value === '' || value === 'None' || value === '{}' ? [] : [[label, value] as const];
    }),
    tags: tagsOf(metadata.ss_tag_frequency),
    payload: text('sshs_model_hash', 'modelspec.hash_sha256')?.replace(/^0x/u, '') ?? null,
  };
}

/** Frequencies of tags, which sd-scripts counts by folder. A text in another form gives none. */
function tagsOf(text: string | undefined): LoraAbout['tags'] {
  const counts = new Map<string, number>();
  try {
    const folders = JSON.parse(text ?? '{}') as Readonly<Record<string, Readonly<Record<string, unknown>>>>;
    for (const tags of Object.values(folders))
      for (const [tag, count] of Object.entries(tags ?? {}))
        if (typeof count === 'number' && Number.isFinite(count))
          counts.set(tag.trim(), (counts.get(tag.trim()) ?? 0) + count);
  } catch {
    return [];
  }
  return [...counts]
    .map(([tag, count]) => ({ tag, count }))
    .sort((a, b) => b.count - a.count || (a.tag < b.tag ? -1 : 1))
    .slice(0, MOST_TAGS);
}
