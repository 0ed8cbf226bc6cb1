/** The code with which a LoRA is used in diffusers. Pure. */
export interface Usage {
  /** Name of the file. */
  readonly file: string;
  readonly prompt: string;
  readonly sdxl: boolean;
  /** Whether the base predicts v. */
  readonly v: boolean;
  /** By how much a base of rectified flow moves its noise levels; undefined for other bases. */
  readonly flowShift?: number | undefined;
  /** The word of an embedding that lies beside the LoRA; undefined where there is none. */
  readonly embedding?: string | undefined;
  /** Repository of the LoRA on the hub, and of its base; without them files beside the program are named. */
  readonly repo?: string;
  readonly baseRepo?: string;
}

/** Name of the file with a LoRA's embedding, which lies beside it. */
export const embeddingFile = (lora: string): string => lora.replace(/(?:\.safetensors)?$/u, '.embedding.safetensors');

/** The lines that load an embedding. SDXL has one for each of its text encoders. */
function wordLines({ file, sdxl, embedding, repo = '.' }: Usage): readonly string[] {
  if (embedding === undefined) return [];
  const [name, word] = [JSON.stringify(embeddingFile(file)), JSON.stringify(embedding)];
  if (!sdxl) return [`pipe.load_textual_inversion("${repo}", weight_name=${name}, token=${word})`];
  const local = repo === '.' ? name : `hf_hub_download("${repo}", ${name})`;
  return [
    `words = load_file(${local})`,
    ...[
      ['clip_l', ''],
      ['clip_g', '_2'],
    ].map(
      ([key, n]) =>
        `pipe.load_textual_inversion(words["${key}"], token=${word},\n    text_encoder=pipe.text_encoder${n}, tokenizer=pipe.tokenizer${n})`,
    ),
  ];
}

export function diffusersCode(usage: Usage): string {
  const { file, prompt, sdxl, v, flowShift, embedding, repo = '.', baseRepo } = usage;
  const pipeline = sdxl ? 'StableDiffusionXLPipeline' : 'StableDiffusionPipeline';
  const velocity = v
    ? [
        'pipe.scheduler = type(pipe.scheduler).from_config(',
        '    pipe.scheduler.config, prediction_type="v_prediction")',
      ]
    : flowShift === undefined
      ? []
      : [
          'pipe.scheduler = DPMSolverMultistepScheduler(',
          `    use_flow_sigmas=True, prediction_type="flow_prediction", flow_shift=${flowShift})`,
        ];
  const [load, base] =
    baseRepo === undefined ? ['from_single_file', 'BASE.safetensors'] : ['from_pretrained', baseRepo];
  return [
    'import torch',
    ...(embedding !== undefined && sdxl
      ? [
          ...(repo === '.' ? [] : ['from huggingface_hub import hf_hub_download']),
          'from safetensors.torch import load_file',
        ]
      : []),
    `from diffusers import ${flowShift === undefined ? '' : 'DPMSolverMultistepScheduler, '}${pipeline}`,
    '',
    `pipe = ${pipeline}.${load}(`,
    `    "${base}", torch_dtype=torch.float16).to("cuda")`,
    ...velocity,
    `pipe.load_lora_weights("${repo}", weight_name=${JSON.stringify(file)})`,
    ...wordLines(usage),
    `image = pipe(${JSON.stringify(prompt)},`,
    '    cross_attention_kwargs={"scale": 0.8}).images[0]',
  ].join('\n');
}
