/** Lists the layers of a LoRA file of any trainer and kind, from the names and shapes of its tensors. Pure. */
import type { SafetensorsHeader, TensorFacts } from '../../registry/checkpoints/safetensors.ts';

export type LoraKind =
  | 'lora'
  | 'tucker'
  | 'loha'
  | 'lokr'
  | 'dora'
  | 'oft'
  | 'boft'
  | 'glora'
  | 'ia3'
  | 'full'
  | 'norm';
export type LoraForm = 'kohya' | 'diffusers' | 'peft' | 'lycoris' | 'comfy' | 'omi' | 'unknown';
export type LoraBase = 'SD 1.5' | 'SD 2' | 'SDXL' | 'FLUX' | 'SD 3' | 'Stable Cascade';

export interface LoraLayer {
  /** Name of the module in kohya's notation, with underscores for dots. */
  readonly module: string;
  readonly kind: LoraKind;
  readonly part: 'unet' | 'text encoder' | 'text encoder 2';
  /** Null for a kind without a rank, or a damaged layer. */
  readonly rank: number | null;
  /** Names of its tensors by role. */
  readonly tensors: Readonly<Record<string, string>>;
}

/** Endings of tensor names, each with its role. The longest endings come first. */
const ROLES: readonly (readonly [RegExp, string])[] = [
  [/\.(?:hada_w[12]_[ab]|hada_t[12]|lokr_w[12](?:_[ab])?|lokr_t2)$/u, ''],
  [/\.(?:oft_blocks|oft_diag|oft_R(?:\.default)?\.weight|oft_R)$/u, 'oft'],
  [/\.rescale$/u, 'rescale'],
  [/\.(?:a1|a2|b1|b2|bm|c1|c2)\.weight$/u, 'glora'],
  [/\.[wb]_norm$/u, 'norm'],
  [/\.on_input$/u, 'on_input'],
  [/\.(?:dora_scale|lora_magnitude_vector(?:\.default)?(?:\.weight)?|lora\.magnitude_vector)$/u, 'magnitude'],
  [/\.lora_mid\.weight$/u, 'mid'],
  [
    /(?:\.processor)?(?:\.lora_down|\.lora_A(?:\.default)?|\.lora\.down|\.lora_linear_layer\.down|_lora\.down)\.weight$/u,
    'down',
  ],
  [/(?:\.processor)?(?:\.lora_up|\.lora_B(?:\.default)?|\.lora\.up|\.lora_linear_layer\.up|_lora\.up)\.weight$/u, 'up'],
  [/\.diff(?:_b)?$/u, 'diff'],
  [/\.alpha$/u, 'alpha'],
];

/** The layers, and the names of tensors that belong to no layer. */
export function layersOf({ tensors }: Pick<SafetensorsHeader, 'tensors'>): {
  readonly layers: readonly LoraLayer[];
  readonly strange: readonly string[];
} {
  const groups = new Map<string, Record<string, string>>();
  const strange: string[] = [];
  for (const name of tensors.keys()) {
    const found = ROLES.find(([ending]) => ending.test(name)) ?? scaleOf(name, tensors);
    if (found === undefined) {
      strange.push(name);
      continue;
    }
    const module = moduleName(name.replace(found[0], ''));
    const role = found[1] === '' ? name.slice(name.lastIndexOf('.') + 1) : found[1];
    groups.set(module, { ...groups.get(module), [role]: name });
  }
  const layers = [...groups].map(([module, roles]) => ({
    module,
    kind: kindOf(roles, tensors),
    part: partOf(module),
    rank: rankOf(roles, tensors),
    tensors: roles,
  }));
  return { layers, strange };
}

/** The role of the tensor of an (IA)³ layer, whose ending also occurs elsewhere, so its shape is checked. */
const scaleOf = (name: string, tensors: ReadonlyMap<string, TensorFacts>): readonly [RegExp, string] | undefined =>
  name.endsWith('.weight') && tensors.has(`${name.slice(0, -'.weight'.length)}.on_input`)
    ? [/\.weight$/u, 'scale']
    : undefined;

/** The module in kohya's notation, so that one table serves the files of all trainers. */
function moduleName(name: string): string {
  const plain = name.replace('.processor.', '.').replaceAll('.', '_');
  return plain.endsWith('_to_out') ? `${plain}_0` : plain;
}

function kindOf(roles: Readonly<Record<string, string>>, tensors: ReadonlyMap<string, TensorFacts>): LoraKind {
  const has = (pattern: RegExp) => Object.keys(roles).some((role) => pattern.test(role));
  if (has(/^hada/u)) return 'loha';
  if (has(/^lokr/u)) return 'lokr';
  if (has(/^magnitude$/u)) return 'dora';
  if (has(/^mid$/u)) return 'tucker';
  // A BOFT (butterfly) tensor has one more dimension than an OFT: the stage, before the block.
  if (has(/^oft$/u)) return tensors.get(roles.oft ?? '')?.shape.length === 4 ? 'boft' : 'oft';
  if (has(/^glora$/u)) return 'glora';
  if (has(/^on_input$/u)) return 'ia3';
  if (has(/^norm$/u)) return 'norm';
  return has(/^diff$/u) ? 'full' : 'lora';
}

const SECOND = /^(?:lora_te2_|text_encoder_2_|te2_|clip_g_|lycoris_te2_)/u;
const FIRST = /^(?:lora_te1?_|text_encoder_|te1?_|clip_l_|lycoris_te1?_)/u;

function partOf(module: string): LoraLayer['part'] {
  if (SECOND.test(module)) return 'text encoder 2';
  return FIRST.test(module) ? 'text encoder' : 'unet';
}

function rankOf(roles: Readonly<Record<string, string>>, tensors: ReadonlyMap<string, TensorFacts>): number | null {
  const shape = (role: string) => tensors.get(roles[role] ?? '')?.shape;
  const first = ['down', 'hada_w1_b', 'lokr_w2_b', 'lokr_w1_b'].map(shape).find((sides) => sides !== undefined);
  if (first !== undefined) return first[0] ?? null;
  // Every part of a GLoRA has the rank as one of its sides.
  const sides = shape('glora')?.slice(0, 2) ?? [];
  return sides.length < 2 ? null : Math.min(...sides);
}

/** Width of the text states that cross attention reads, which tells the family. */
const WIDTHS: ReadonlyMap<number, LoraBase> = new Map([
  [768, 'SD 1.5'],
  [1024, 'SD 2'],
  [2048, 'SDXL'],
]);
const OTHERS: readonly (readonly [RegExp, LoraBase])[] = [
  [/double_blocks|single_blocks|single_transformer_blocks/u, 'FLUX'],
  [/joint_blocks|transformer_blocks_\d+_attn_add_[qkv]_proj/u, 'SD 3'],
  [/lora_prior_unet/u, 'Stable Cascade'],
];

/** The family of base models that a LoRA is for; null where nothing in the file shows it. */
export function loraBase(
  layers: readonly LoraLayer[],
  { tensors }: Pick<SafetensorsHeader, 'tensors'>,
): LoraBase | null {
  const other = OTHERS.find(([pattern]) => layers.some(({ module }) => pattern.test(module)));
  if (other !== undefined) return other[1];
  for (const { module, tensors: roles } of layers) {
    if (!/attn2_to_[kv]$/u.test(module)) continue;
    const base = WIDTHS.get(widthOf(roles, tensors) ?? 0);
    if (base !== undefined) return base;
  }
  if (layers.some(({ module }) => SECOND.test(module) || /^lora_te1_|input_blocks_4_1_/u.test(module))) return 'SDXL';
  return layers.some(({ module }) => /lora_te_text_model/u.test(module)) ? 'SD 1.5' : null;
}

/** The number of inputs of a layer; undefined for kinds whose tensors do not show it. */
function widthOf(
  roles: Readonly<Record<string, string>>,
  tensors: ReadonlyMap<string, TensorFacts>,
): number | undefined {
  const shape = (role: string) => tensors.get(roles[role] ?? '')?.shape;
  const first = shape('lokr_w1')?.[1] ?? shape('lokr_w1_b')?.[1];
  const second = shape('lokr_w2')?.[1] ?? shape('lokr_w2_b')?.[1];
  if (first !== undefined && second !== undefined) return first * second;
  return shape('down')?.[1] ?? shape('hada_w1_b')?.[1] ?? shape('diff')?.[1];
}

/** Names of families in the metadata of sd-scripts, ai-toolkit, and Stability AI's model spec. */
const NAMED: readonly (readonly [RegExp, LoraBase])[] = [
  [/^(?:sdxl|stable-diffusion-xl)/u, 'SDXL'],
  [/^(?:sd_?v?2|sd2x|stable-diffusion-v2)/u, 'SD 2'],
  [/^(?:sd_?v?1|sd1x|sd15|stable-diffusion-v1)/u, 'SD 1.5'],
  [/^(?:sd_?v?3|stable-diffusion-3)/u, 'SD 3'],
  [/^flux/u, 'FLUX'],
];

/** The family according to the metadata, for files whose layers leave it open, such as OFTs. */
export function toldBase(metadata: Readonly<Record<string, string>>): LoraBase | null {
  for (const name of [metadata.ss_base_model_version, metadata['modelspec.architecture']])
    for (const [pattern, base] of NAMED) if (name !== undefined && pattern.test(name.toLowerCase())) return base;
  return null;
}

/** The trainer or library whose naming scheme the tensors follow. */
export function formOf(names: Iterable<string>): LoraForm {
  for (const name of names) {
    if (/^lycoris_/u.test(name)) return 'lycoris';
    if (/^(?:unet\.(?:input_blocks|output_blocks|middle_block)|clip_[lg])\./u.test(name)) return 'omi';
    if (/^diffusion_model\./u.test(name)) return 'comfy';
    if (/^lora_(?:unet|te\d?|prior)_/u.test(name)) return 'kohya';
    if (/^base_model\.model\./u.test(name)) return 'peft';
    if (/^(?:unet|text_encoder(?:_2)?|transformer)\./u.test(name)) return 'diffusers';
  }
  return 'unknown';
}
