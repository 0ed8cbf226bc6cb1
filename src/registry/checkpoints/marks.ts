/**
 * Finds tensors that change the meaning of a checkpoint's numbers: another noise schedule, scaled or quantised
 * weights, a smaller or distilled model. The list is closed: unknown tensors inside a part are counted. Pure.
 */
import { predictionSaid, saysFlow } from './flow-marks.ts';
import type { Refusal } from './refusal.ts';
import type { SafetensorsHeader, TensorFacts } from './safetensors.ts';

type Tensors = ReadonlyMap<string, TensorFacts>;

const PLAIN = 'Use a base model with the usual noise schedule: visiontrain models list';
const WHOLE = 'Use the version of the model in fp16, bf16 or fp32.';

/**
 * Names of tensors outside of all parts that show another noise schedule. `v_pred`, `ztsnr` and marks of rectified
 * flow are not listed, because they are understood (`identify.ts`).
 */
const schedules: readonly (readonly [RegExp, Refusal])[] = [
  [
    /^edm_(mean|std)$/u,
    { what: 'a model with an EDM noise schedule and latents of its own (as Playground v2.5)', cure: PLAIN },
  ],
  [/^edm_vpred\.|^edm_eps\./u, { what: 'a model with an EDM noise schedule (as CosXL)', cure: PLAIN }],
  [/^sigma_data$/u, { what: 'a model with another noise schedule', cure: PLAIN }],
];

/** Names of tensors inside a part that show that the weights beside them are quantised or scaled. */
const quantised: readonly (readonly [RegExp, string])[] = [
  [/(^|\.)scaled_fp8$|\.(scale_weight|scale_input|weight_scale|input_scale|weight_scale_inv)$/u, 'scaled fp8 weights'],
  [
    /\.(absmax|quant_map|nested_absmax|nested_quant_map|SCB|weight_format)$|\.quant_state\./u,
    'quantised weights (bitsandbytes)',
  ],
  [/\.(qweight|qzeros|scales|g_idx|_scale|_zero_point|_data|comfy_quant)$/u, 'quantised weights'],
];
const floats = new Set(['F64', 'F32', 'F16', 'BF16', 'F8_E4M3', 'F8_E5M2']);
const distilled = /(^|\.)(time_embed|time_embedding)\.cond_proj\.weight$/u;

/**
 * Smaller relatives of SDXL, by the number of transformers in each layer of the down blocks, then of the middle block,
 * as in ComfyUI's table of models.
 */
const smallerRelatives: Readonly<Record<string, string>> = {
  '2,2,4,4/0': 'SSD-1B',
  '1,1,2,2/0': 'Segmind Vega',
  '2,5/0': 'KOALA 700M',
  '2,6/6': 'KOALA 1B',
};

/** Why a model must not be trained, by its tensors; undefined when nothing forbids it. */
export function refusalOf({ tensors, metadata }: Pick<SafetensorsHeader, 'tensors' | 'metadata'>): Refusal | undefined {
  for (const name of tensors.keys()) {
    const schedule = schedules.find(([pattern]) => pattern.test(name));
    if (schedule !== undefined) return schedule[1];
    if (distilled.test(name)) return { what: 'a distilled model (LCM), made for a few steps', cure: PLAIN };
    const scaled = quantised.find(([pattern]) => pattern.test(name));
    if (scaled !== undefined) return { what: `a model with ${scaled[1]} (${name})`, cure: WHOLE };
  }
  const prediction = predictionSaid(metadata);
  if (
    prediction !== undefined &&
    !saysFlow(prediction) &&
    !['epsilon', 'eps', 'v', 'v_prediction'].includes(prediction)
  )
    return { what: `a model that predicts ${prediction}`, cure: PLAIN };
  return wholeNumbers(tensors) ?? smaller(tensors);
}

/**
 * Refuses a matrix of whole numbers, which holds packed bits, whichever program made it. (Positions and steps are
 * whole numbers too, but vectors.)
 */
function wholeNumbers(tensors: Tensors): Refusal | undefined {
  for (const [name, { dtype, shape }] of tensors)
    if (!floats.has(dtype) && shape.length > 1 && name.endsWith('.weight'))
      return { what: `a model with quantised weights (${name} is ${dtype})`, cure: WHOLE };
  return undefined;
}

const transformer =
  /(?:^|\.)(?:input_blocks\.(?<input>\d+)\.1|down_blocks\.(?<block>\d+)\.attentions\.(?<layer>\d+)|(?<middle>middle_block\.1|mid_block\.attentions\.0))\.transformer_blocks\.(?<index>\d+)\.attn1\.to_q\.weight$/u;

function smaller(tensors: Tensors): Refusal | undefined {
  // SD1.5 has one transformer in each place, and none of these smaller relatives.
  const counts = new Map<string, number>();
  let middle = 0;
  for (const name of tensors.keys()) {
    const found = transformer.exec(name)?.groups;
    if (found === undefined) continue;
    if (found.middle !== undefined) middle += 1;
    else {
      const place = (found.input ?? `${found.block}.${found.layer}`).padStart(4, '0');
      counts.set(place, (counts.get(place) ?? 0) + 1);
    }
  }
  const depths = [...counts].sort(([a], [b]) => a.localeCompare(b)).map(([, count]) => count);
  const name = smallerRelatives[`${depths.join(',')}/${middle}`];
  return name === undefined
    ? undefined
    : {
        what: `${name}, a smaller relative of SDXL`,
        cure: 'Its LoRAs fit no SDXL. Train on SDXL itself: visiontrain models list',
      };
}

const parts = ['model.diffusion_model.', 'first_stage_model.', 'cond_stage_model.', 'conditioner.embedders.'];
const known = new RegExp(
  [
    String.raw`^model\.diffusion_model\.(time_embed|label_emb|input_blocks|middle_block|output_blocks|out)\.[\w.]+\.(weight|bias)$`,
    String.raw`^first_stage_model\.(encoder|decoder|quant_conv|post_quant_conv)\.([\w.]+\.)?(weight|bias)$`,
    // Many files hold leftovers of training with the original code; none of them is read.
    String.raw`^first_stage_model\.(loss|model_ema)\.`,
    String.raw`^(cond_stage_model|conditioner\.embedders\.0)\.transformer\.(text_model\.)?(embeddings|encoder|final_layer_norm)\.[\w.]+$`,
    String.raw`^conditioner\.embedders\.1\.model\.(transformer|token_embedding|ln_final)\.[\w.]+$`,
    String.raw`^conditioner\.embedders\.1\.model\.(positional_embedding|text_projection(\.weight){0,2})$`,
    // Complete CLIP models hold these tensors beside the text transformer.
    String.raw`(logit_scale|text_projection(\.weight)?|visual_projection(\.weight)?|attn_mask)$`,
    String.raw`\.(vision_model|visual)\.`,
  ].join('|'),
  'u',
);

/** Names inside a part of a single file that this program does not know. */
export function unknownIn(tensors: Tensors): string[] {
  return [...tensors.keys()].filter((name) => parts.some((part) => name.startsWith(part)) && !known.test(name));
}
