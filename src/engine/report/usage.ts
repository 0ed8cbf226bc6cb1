/** Writes the code with which a LoRA is used in diffusers. Pure. */
export interface Usage {
  /** File name of the LoRA. */
  readonly file: string;
  readonly prompt: string;
  readonly sdxl: boolean;
  /** Whether the base model predicts v. */
  readonly v: boolean;
  /** The shift of noise levels of a base model of rectified flow; undefined for other base models. */
  readonly flowShift?: number | undefined;
  /** The trigger word of the embedding that lies beside the LoRA; undefined where there is none. */
  readonly embedding?: string | undefined;
  /** Repositories of the LoRA and of its base model on the hub; without them the code names local files. */
  readonly repo?: string;
  readonly baseRepo?: string;
}

/** Name of the file with a LoRA's embedding. */
export const embeddingFile = (lora: string): string => lora.replace(/(?:\.safetensors)?$/u, '.embedding.safetensors');

/** The lines that load an embedding. SDXL has one vector set for each of its text encoders. */
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
