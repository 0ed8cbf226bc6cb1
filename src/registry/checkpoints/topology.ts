/**
 * Lists the weights that a part must have by its configuration, under their names in a single file and in a diffusers
 * folder. With this list, missing weights are found before anything is fetched or encoded. Pure.
 */
type Config = Readonly<Record<string, unknown>>;

/** One weight under both names, without the part's prefix and without `.weight`. */
export interface Weight {
  readonly ldm: string;
  readonly diffusers: string;
}

const both = (ldm: string, diffusers: string): Weight => ({ ldm, diffusers });
const counts = (value: unknown, blocks: number, fallback: number): number[] =>
  Array.from({ length: blocks }, (_, block) => Number((Array.isArray(value) ? value[block] : value) ?? fallback));
const strings = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : []);

const resnet = [
  ['in_layers.0', 'norm1'],
  ['in_layers.2', 'conv1'],
  ['emb_layers.1', 'time_emb_proj'],
  ['out_layers.0', 'norm2'],
  ['out_layers.3', 'conv2'],
] as const;
const attention = ['attn1', 'attn2'].flatMap((name) =>
  ['to_q', 'to_k', 'to_v', 'to_out.0'].map((leaf) => `${name}.${leaf}`),
);
const inTransformer = ['norm1', 'norm2', 'norm3', 'ff.net.0.proj', 'ff.net.2', ...attention];

const resnetAt = (ldm: string, diffusers: string) =>
  resnet.map(([theirs, ours]) => both(`${ldm}.${theirs}`, `${diffusers}.${ours}`));
const transformersAt = (ldm: string, diffusers: string, depth: number) =>
  [
    ...['norm', 'proj_in', 'proj_out'],
    ...Array.from({ length: depth }, (_, i) => inTransformer.map((leaf) => `transformer_blocks.${i}.${leaf}`)).flat(),
  ].map((leaf) => both(`${ldm}.${leaf}`, `${diffusers}.${leaf}`));

/** Weights of a `UNet2DConditionModel` in the form of SD1.5 and SDXL. Counts in nested lists are not supported. */
export function unetWeights(config: Config): Weight[] {
  const down = strings(config.down_block_types);
  const up = strings(config.up_block_types);
  const blocks = down.length;
  const layers = counts(config.layers_per_block, blocks, 2);
  const depths = counts(config.transformer_layers_per_block, blocks, 1);
  const weights = [
    both('time_embed.0', 'time_embedding.linear_1'),
    both('time_embed.2', 'time_embedding.linear_2'),
    both('input_blocks.0.0', 'conv_in'),
    both('out.0', 'conv_norm_out'),
    both('out.2', 'conv_out'),
    ...resnetAt('middle_block.0', 'mid_block.resnets.0'),
    ...transformersAt('middle_block.1', 'mid_block.attentions.0', depths.at(-1) ?? 1),
    ...resnetAt('middle_block.2', 'mid_block.resnets.1'),
  ];
  if (config.addition_embed_type === 'text_time')
    weights.push(both('label_emb.0.0', 'add_embedding.linear_1'), both('label_emb.0.2', 'add_embedding.linear_2'));
  let place = 1;
  for (const [block, kind] of down.entries()) {
    for (let layer = 0; layer < (layers[block] ?? 0); layer += 1, place += 1) {
      weights.push(...resnetAt(`input_blocks.${place}.0`, `down_blocks.${block}.resnets.${layer}`));
      if (kind.includes('CrossAttn'))
        weights.push(
          ...transformersAt(`input_blocks.${place}.1`, `down_blocks.${block}.attentions.${layer}`, depths[block] ?? 1),
        );
    }
    if (block < blocks - 1)
      weights.push(both(`input_blocks.${place}.0.op`, `down_blocks.${block}.downsamplers.0.conv`));
    place += 1;
  }
  place = 0;
  for (const [block, kind] of up.entries()) {
    const many = (layers[blocks - 1 - block] ?? 0) + 1;
    for (let layer = 0; layer < many; layer += 1, place += 1) {
      weights.push(...resnetAt(`output_blocks.${place}.0`, `up_blocks.${block}.resnets.${layer}`));
      if (kind.includes('CrossAttn'))
        weights.push(
          ...transformersAt(
            `output_blocks.${place}.1`,
            `up_blocks.${block}.attentions.${layer}`,
            depths[blocks - 1 - block] ?? 1,
          ),
        );
      if (layer === many - 1 && block < blocks - 1)
        weights.push(
          both(
            `output_blocks.${place}.${kind.includes('CrossAttn') ? 2 : 1}.conv`,
            `up_blocks.${block}.upsamplers.0.conv`,
          ),
        );
    }
  }
  return weights;
}

/** Weights of an `AutoencoderKL`, without its attention, whose names differ between versions of diffusers. */
export function vaeWeights(config: Config): Weight[] {
  const blocks = strings(config.down_block_types).length;
  const layers = Number(config.layers_per_block ?? 1);
  const weights = ['quant_conv', 'post_quant_conv']
    .filter((name) => config[`use_${name}`] !== false)
    .map((name) => both(name, name));
  for (const part of ['encoder', 'decoder']) {
    weights.push(...['conv_in', 'conv_out'].map((leaf) => both(`${part}.${leaf}`, `${part}.${leaf}`)));
    weights.push(both(`${part}.norm_out`, `${part}.conv_norm_out`));
    const way = part === 'encoder' ? 'down' : 'up';
    for (let block = 0; block < blocks; block += 1)
      for (let layer = 0; layer < layers + (part === 'decoder' ? 1 : 0); layer += 1) {
        const theirs = `${part}.${way}.${part === 'decoder' ? blocks - 1 - block : block}.block.${layer}`;
        for (const leaf of ['norm1', 'conv1', 'norm2', 'conv2'])
          weights.push(both(`${theirs}.${leaf}`, `${part}.${way}_blocks.${block}.resnets.${layer}.${leaf}`));
      }
  }
  return weights;
}

const clipLayer = ['self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj', 'self_attn.out_proj', 'layer_norm1'];
const openClip = [
  ['ln_1', 'layer_norm1'],
  ['ln_2', 'layer_norm2'],
  ['attn.out_proj', 'self_attn.out_proj'],
  ['mlp.c_fc', 'mlp.fc1'],
  ['mlp.c_proj', 'mlp.fc2'],
] as const;

/** Weights of CLIP's text transformer, without the prefix `text_model` that some files have. */
export function clipWeights(config: Config): Weight[] {
  const leaves = [...clipLayer, 'layer_norm2', 'mlp.fc1', 'mlp.fc2'];
  const layers = Array.from({ length: Number(config.num_hidden_layers ?? 12) }, (_, i) =>
    leaves.map((leaf) => `encoder.layers.${i}.${leaf}`),
  ).flat();
  return ['embeddings.token_embedding', 'embeddings.position_embedding', 'final_layer_norm', ...layers].map((name) =>
    both(name, name),
  );
}

/** Weights of SDXL's second text encoder, which has OpenCLIP's names in single files. */
export function openClipWeights(config: Config): Weight[] {
  const layers = Array.from({ length: Number(config.num_hidden_layers ?? 12) }, (_, i) =>
    openClip.map(([theirs, ours]) => both(`transformer.resblocks.${i}.${theirs}`, `encoder.layers.${i}.${ours}`)),
  ).flat();
  return [
    both('token_embedding', 'embeddings.token_embedding'),
    both('ln_final', 'final_layer_norm'),
    both('text_projection', 'text_projection'),
    ...layers,
  ];
}
