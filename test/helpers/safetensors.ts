/** Makes a valid safetensors file of zeros with these shapes (fp16). */
export function safetensors(
  shapes: Readonly<Record<string, readonly number[]>>,
  metadata?: Readonly<Record<string, string>>,
): Buffer {
  let end = 0;
  const header: Record<string, unknown> = metadata === undefined ? {} : { __metadata__: metadata };
  for (const [name, shape] of Object.entries(shapes)) {
    const bytes = 2 * shape.reduce((product, side) => product * side, 1);
    header[name] = { dtype: 'F16', shape, data_offsets: [end, end + bytes] };
    end += bytes;
  }
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, Buffer.alloc(end)]);
}

const UNET = 'model.diffusion_model.';

/** The tensors by which each kind of single file is recognised, with small shapes where the shape does not matter. */
export const kinds = {
  sd15: {
    [`${UNET}input_blocks.0.0.weight`]: [320, 4, 3, 3],
    'cond_stage_model.transformer.text_model.embeddings.token_embedding.weight': [4, 8],
    'first_stage_model.decoder.conv_in.weight': [4, 4, 3, 3],
  },
  sdxl: {
    [`${UNET}input_blocks.0.0.weight`]: [320, 4, 3, 3],
    [`${UNET}label_emb.0.0.weight`]: [4, 8],
    'conditioner.embedders.0.transformer.text_model.embeddings.token_embedding.weight': [4, 8],
    'conditioner.embedders.1.model.token_embedding.weight': [4, 8],
    'first_stage_model.decoder.conv_in.weight': [4, 4, 3, 3],
  },
} as const;
