/**
 * Limits on the numbers in a model's configuration: a stranger's file must not make the trainer build modules for
 * ever. The trainer's `bounds.py` holds the same limits, for files that changed after this check.
 */

const LAYERS = 100;
const WIDTH = 100_000;
const WORDS = 1_000_000;
const BLOCKS = 10;

/** The largest value of each number, several times that of the largest model there is. */
const limits: Readonly<Record<string, number>> = {
  layers_per_block: 10,
  transformer_layers_per_block: LAYERS,
  reverse_transformer_layers_per_block: LAYERS,
  num_hidden_layers: LAYERS,
  num_attention_heads: 1000,
  attention_head_dim: 1000,
  block_out_channels: WIDTH,
  cross_attention_dim: WIDTH,
  addition_time_embed_dim: WIDTH,
  projection_class_embeddings_input_dim: WIDTH,
  in_channels: WIDTH,
  out_channels: WIDTH,
  latent_channels: WIDTH,
  norm_num_groups: WIDTH,
  hidden_size: WIDTH,
  intermediate_size: WIDTH,
  projection_dim: WIDTH,
  max_position_embeddings: WIDTH,
  num_train_timesteps: WIDTH,
  vocab_size: WORDS,
};
const lists = ['down_block_types', 'up_block_types'];

/** The impossible numbers of a configuration, in words for a sentence; undefined when all are possible. */
export function beyondBounds(config: Readonly<Record<string, unknown>>): string | undefined {
  for (const [key, most] of Object.entries(limits))
    if (Object.hasOwn(config, key) && !within(config[key], most, 2)) return words(key, config[key], most);
  for (const key of lists)
    if (Object.hasOwn(config, key) && !(Array.isArray(config[key]) && config[key].length <= BLOCKS))
      return words(key, config[key], BLOCKS);
  return undefined;
}

/**
 * A count may be null. It may also be a list with a number for each block, or with a list for each block
 * (transformers).
 */
function within(value: unknown, most: number, depth: number): boolean {
  if (Array.isArray(value))
    return depth > 0 && value.length <= BLOCKS && value.every((item) => within(item, most, depth - 1));
  return value === null || (Number.isInteger(value) && Number(value) >= 1 && Number(value) <= most);
}

const words = (key: string, value: unknown, most: number) =>
  `${key} is ${JSON.stringify(value).slice(0, 40)}; no model of these families has that (at most ${most})`;
