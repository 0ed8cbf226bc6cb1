/** The code with which a LoRA is used in diffusers. Pure. */
export interface Usage {
  /** Name of the file. */
  readonly file: string;
  readonly prompt: string;
  readonly sdxl: boolean;
  /** Whether the base predicts v. */
  readonly v: boolean;
  /** Repository of the LoRA on the hub, and of its base; without them files beside the program are named. */
  readonly repo?: string;
  readonly baseRepo?: string;
}

export function diffusersCode({ file, prompt, sdxl, v, repo = '.', baseRepo }: Usage): string {
  const pipeline = sdxl ? 'StableDiffusionXLPipeline' : 'StableDiffusionPipeline';
  const velocity = v
    ? [
        'pipe.scheduler = type(pipe.scheduler).from_config(',
        '    pipe.scheduler.config, prediction_type="v_prediction")',
      ]
    : [];
  const [load, base] =
    baseRepo === undefined ? ['from_single_file', 'BASE.safetensors'] : ['from_pretrained', baseRepo];
  return [
    'import torch',
    `from diffusers import ${pipeline}`,
    '',
    `pipe = ${pipeline}.${load}(`,
    `    "${base}", torch_dtype=torch.float16).to("cuda")`,
    ...velocity,
    `pipe.load_lora_weights("${repo}", weight_name=${JSON.stringify(file)})`,
    `image = pipe(${JSON.stringify(prompt)},`,
    '    cross_attention_kwargs={"scale": 0.8}).images[0]',
  ].join('\n');
}
