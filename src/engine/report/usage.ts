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
  /** Repository of the LoRA on the hub, and of its base; without them files beside the program are named. */
  readonly repo?: string;
  readonly baseRepo?: string;
}

export function diffusersCode({ file, prompt, sdxl, v, flowShift, repo = '.', baseRepo }: Usage): string {
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
    `from diffusers import ${flowShift === undefined ? '' : 'DPMSolverMultistepScheduler, '}${pipeline}`,
    '',
    `pipe = ${pipeline}.${load}(`,
    `    "${base}", torch_dtype=torch.float16).to("cuda")`,
    ...velocity,
    `pipe.load_lora_weights("${repo}", weight_name=${JSON.stringify(file)})`,
    `image = pipe(${JSON.stringify(prompt)},`,
    '    cross_attention_kwargs={"scale": 0.8}).images[0]',
  ].join('\n');
}
