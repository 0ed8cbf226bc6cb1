/**
 * Tells from tensor names and shapes which model a checkpoint is. Names are those of the original checkpoints and of
 * diffusers. Pure.
 */
import type { TensorFacts } from './safetensors.ts';

export type Tensors = ReadonlyMap<string, TensorFacts>;

/**
 * What a model is. With `supported` it belongs to a family that can be trained. Otherwise it says what the model is
 * and why it cannot be trained.
 */
export type Architecture =
  | { readonly family: 'sd15' | 'sdxl'; readonly lacksVae?: true }
  | { readonly family: undefined; readonly what: string; readonly cure?: string };

interface Kind {
  readonly what: string;
  readonly cure?: string;
  readonly is: (tensors: Tensors) => boolean;
}

const unet = 'model.diffusion_model.';
const hasPrefix = (tensors: Tensors, ...prefixes: readonly string[]) => {
  for (const name of tensors.keys()) if (prefixes.some((prefix) => name.startsWith(prefix))) return true;
  return false;
};
const hasPart = (tensors: Tensors, pattern: RegExp) => {
  for (const name of tensors.keys()) if (pattern.test(name)) return true;
  return false;
};

const CHOOSE_BASE = 'Choose a base model: visiontrain models list';

/** The first match wins, so the narrow ones come first. */
const others: readonly Kind[] = [
  {
    what: 'a LoRA, not a base model',
    cure: 'To go on training it, put it in training.init_lora and name its base model here.',
    is: (t) => hasPart(t, /\.(lora_(down|up|mid|A|B)\b|lora\.(down|up)|hada_w1|lokr_w1|oft_blocks|dora_scale)/u),
  },
  { what: 'a ControlNet', is: (t) => hasPrefix(t, 'control_model.', 'controlnet_', 'input_hint_block.') },
  {
    what: 'a textual inversion embedding',
    is: (t) => t.has('emb_params') || (t.size <= 4 && (t.has('clip_l') || t.has('clip_g'))),
  },
  { what: 'Stable Diffusion 3', is: (t) => hasPart(t, /(^|\.)joint_blocks\.0\./u) },
  {
    what: 'FLUX',
    is: (t) => hasPart(t, /(^|\.)double_blocks\.0\./u) || hasPart(t, /(^|\.)single_transformer_blocks\.0\./u),
  },
  { what: 'AuraFlow', is: (t) => hasPart(t, /(^|\.)double_layers\.0\./u) },
  { what: 'Hunyuan-DiT', is: (t) => hasPart(t, /(^|\.)mlp_t5\./u) },
  { what: 'PixArt', is: (t) => hasPart(t, /(^|\.)(adaln_single|t_block)\./u) },
  { what: 'Stable Cascade', is: (t) => hasPart(t, /(^|\.)(clip_txt_mapper|effnet_mapper)\./u) },
  { what: 'Wan (a video model)', is: (t) => hasPart(t, /(^|\.)blocks\.0\.cross_attn\./u) },
  { what: 'Stable Video Diffusion', is: (t) => hasPart(t, /(^|\.)time_stack\./u) },
  { what: 'an image upscaler', is: (t) => hasPart(t, /(^|\.)(RRDB_trunk|body\.0\.rdb1)/u) },
];

const parts: readonly Kind[] = [
  {
    what: 'a VAE alone',
    cure: 'Put it in model.vae, and name the base model in model.base.',
    is: (t) => hasPrefix(t, 'decoder.', 'encoder.', 'first_stage_model.decoder.'),
  },
  { what: 'a text encoder alone', is: (t) => hasPart(t, /text_model\.(embeddings|encoder)\./u) },
  {
    what: 'a diffusers U-Net alone (one part of a diffusers folder)',
    is: (t) => t.has('down_blocks.0.resnets.0.conv1.weight'),
  },
];

/** The architecture of a single-file checkpoint in the original (LDM/SGM) layout. */
export function singleFileArchitecture(tensors: Tensors): Architecture {
  const other = others.find((kind) => kind.is(tensors));
  if (other !== undefined) return refuse(other);
  const input = tensors.get(`${unet}input_blocks.0.0.weight`);
  if (input === undefined) {
    const part = parts.find((kind) => kind.is(tensors));
    return part === undefined
      ? { family: undefined, what: 'a model of an unknown kind', cure: CHOOSE_BASE }
      : refuse(part);
  }
  const channels = input.shape[1];
  if (channels === 9) return refuse({ what: 'an inpainting model' });
  if (channels === 8) return refuse({ what: 'an image-editing model (instruct-pix2pix)' });
  // Some relatives of SDXL use the VAE of another model, for instance FLUX.2's with 32 channels.
  if (channels !== undefined && channels > 4 && input.shape.length === 4)
    return refuse({ what: `a model with latents of ${channels} channels, not 4 (over the VAE of another model)` });
  if (hasPrefix(tensors, `${unet}label_emb.`)) {
    if (!hasPrefix(tensors, 'conditioner.embedders.0.transformer.text_model.'))
      return hasPrefix(tensors, 'conditioner.embedders.0.model.')
        ? refuse({ what: 'the SDXL refiner', cure: 'Train on the SDXL base; the refiner works on its pictures.' })
        : refuse(withoutPart('SDXL', 'text encoders'));
    return withVae(tensors, 'sdxl');
  }
  if (hasPrefix(tensors, 'cond_stage_model.model.')) return refuse({ what: 'Stable Diffusion 2' });
  if (!hasPrefix(tensors, 'cond_stage_model.transformer.')) {
    const width = tensors.get(`${unet}input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight`)?.shape[1];
    return refuse(
      width === 1024 ? { what: 'Stable Diffusion 2' } : withoutPart('Stable Diffusion 1.5', 'text encoder'),
    );
  }
  return withVae(tensors, 'sd15');
}

/** A file without a VAE can be trained when the person names a VAE. */
const withVae = (tensors: Tensors, family: 'sd15' | 'sdxl'): Architecture =>
  hasPrefix(tensors, 'first_stage_model.') ? { family } : { family, lacksVae: true };

/** The VAE of the registry that suits a file without one, by family. */
export const vaeFor = { sd15: 'sd-vae-ft-mse', sdxl: 'sdxl-vae-fp16-fix' } as const;

const withoutPart = (title: string, part: string) => ({
  what: `${title} without its ${part}`,
  cure: 'Use the complete checkpoint.',
});

const refuse = ({ what, cure = CHOOSE_BASE }: { what: string; cure?: string }): Architecture => ({
  family: undefined,
  what,
  cure,
});

/** `_class_name` in the model_index.json of a diffusers folder, without the name of the task. */
const pipelines: readonly (readonly [RegExp, string])[] = [
  [/^StableDiffusion(XL)?Inpaint/u, 'an inpainting model'],
  [/InstructPix2Pix/u, 'an image-editing model (instruct-pix2pix)'],
  [/^StableDiffusion3/u, 'Stable Diffusion 3'],
  [/^Flux/u, 'FLUX'],
  [
    /^(PixArt|Sana|AuraFlow|Kolors|HunyuanDiT|StableCascade|Wan|QwenImage|Chroma|Lumina|CogView)/u,
    'another kind of model',
  ],
];

/** The architecture of a diffusers folder, from its `model_index.json` and `unet/config.json`. */
export function folderArchitecture(
  index: Readonly<Record<string, unknown>>,
  unetConfig: Readonly<Record<string, unknown>>,
): Architecture {
  const name = typeof index._class_name === 'string' ? index._class_name : '';
  const other = pipelines.find(([pattern]) => pattern.test(name));
  if (other !== undefined) return refuse({ what: other[1] === 'another kind of model' ? `a ${name}` : other[1] });
  const channels = unetConfig.in_channels;
  if (channels === 9) return refuse({ what: 'an inpainting model' });
  if (channels === 8) return refuse({ what: 'an image-editing model (instruct-pix2pix)' });
  if (typeof channels === 'number' && channels > 4)
    return refuse({ what: `a model with latents of ${channels} channels, not 4 (over the VAE of another model)` });
  if (name.startsWith('StableDiffusionXL')) {
    if (index.text_encoder === undefined || index.text_encoder === null || isAbsent(index.text_encoder))
      return refuse({ what: 'the SDXL refiner', cure: 'Train on the SDXL base; the refiner works on its pictures.' });
    return { family: 'sdxl' };
  }
  if (name.startsWith('StableDiffusion'))
    // SD2 differs from SD1.5 in the width of its text encoder and in its linear projections.
    return unetConfig.cross_attention_dim === 1024 || unetConfig.use_linear_projection === true
      ? refuse({ what: 'Stable Diffusion 2' })
      : { family: 'sd15' };
  return refuse({ what: name === '' ? 'a model of an unknown kind' : `a ${name}` });
}

/** diffusers writes an absent part as `[null, null]`. */
const isAbsent = (part: unknown) => Array.isArray(part) && part.every((name) => name === null);
