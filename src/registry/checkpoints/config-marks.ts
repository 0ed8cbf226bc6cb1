/**
 * Finds keys in the configuration files of a diffusers folder that change the meaning of its numbers: another noise
 * schedule, other latents, quantised weights, a distilled model. The list is closed: unknown keys are reported. Pure.
 */
import { beyondBounds } from './bounds.ts';
import type { Refusal } from './refusal.ts';

type Config = Readonly<Record<string, unknown>>;

/** `refusal` is set when training on the model cannot be right; `unknown` are the unknown keys, as they are written. */
export interface Judged {
  readonly refusal?: Refusal;
  readonly unknown: readonly string[];
}

const PLAIN = 'Use a base model with the usual noise schedule: visiontrain models list';
const WHOLE = 'Use the version of the model in fp16, bf16 or fp32.';

const isSet = (value: unknown) => value !== undefined && value !== null && value !== false;

/**
 * Samplers that work on Stable Diffusion's own 1000 noise levels. They change only how images are generated, not the
 * training.
 */
const samplers = new Set(
  [
    ...['DDIM', 'DDIMInverse', 'DDIMParallel', 'DDPM', 'DDPMParallel', 'PNDM', 'LMSDiscrete', 'SASolver', 'IPNDM'],
    ...['EulerDiscrete', 'EulerAncestralDiscrete', 'HeunDiscrete', 'KDPM2Discrete', 'KDPM2AncestralDiscrete'],
    ...['DPMSolverMultistep', 'DPMSolverMultistepInverse', 'DPMSolverSinglestep', 'DPMSolverSDE', 'DEISMultistep'],
    ...['UniPCMultistep', 'Repaint'],
  ].map((name) => `${name}Scheduler`),
);

/** For these schedulers the class alone says what kind of model it is. */
const otherSchedulers: readonly (readonly [RegExp, string])[] = [
  [/^EDM|^Cosine(DPM)/u, 'a model with an EDM noise schedule (such as Playground v2.5 or CosXL)'],
  [/^FlowMatch(?!Euler|Heun)/u, 'a flow-matching model of another kind'],
  [/^(LCM|TCD|CM|Consistency)/u, 'a distilled model, made for a few steps'],
];

/** Scheduler keys that training reads itself, and those that are read only when images are generated. */
const schedulerKeys = new Set([
  ...['num_train_timesteps', 'beta_start', 'beta_end', 'beta_schedule', 'trained_betas', 'prediction_type'],
  ...['rescale_betas_zero_snr', 'clip_sample', 'clip_sample_range', 'set_alpha_to_one', 'skip_prk_steps'],
  ...['steps_offset', 'timestep_spacing', 'interpolation_type', 'use_karras_sigmas', 'use_exponential_sigmas'],
  ...['use_beta_sigmas', 'use_lu_lambdas', 'use_flow_sigmas', 'flow_shift', 'final_sigmas_type', 'timestep_type'],
  ...['sigma_min', 'sigma_max', 'sigma_data', 'thresholding', 'dynamic_thresholding_ratio', 'sample_max_value'],
  ...['variance_type', 'lambda_min_clipped', 'algorithm_type', 'solver_type', 'solver_order', 'lower_order_final'],
  ...[
    'euler_at_final',
    'predict_x0',
    'disable_corrector',
    'solver_p',
    'noise_sampler_seed',
    'original_inference_steps',
  ],
  ...['timestep_scaling', 'snr_shift_scale', 'eta', 'predictor_order', 'corrector_order', 'tau_func'],
  ...['use_dynamic_shifting', 'time_shift_type', 'shift', 'base_shift', 'max_shift'],
]);

/** Whether a scheduler's class belongs to models of rectified flow, by its name in diffusers. */
export const isFlowScheduler = (name: unknown) => typeof name === 'string' && /^FlowMatch(Euler|Heun)/u.test(name);

export function judgeScheduler(config: Config): Judged {
  const name = typeof config._class_name === 'string' ? config._class_name : undefined;
  const other = otherSchedulers.find(([pattern]) => name !== undefined && pattern.test(name));
  if (other !== undefined) return refused(other[1], PLAIN);
  if (name !== undefined && !samplers.has(name) && !isFlowScheduler(name))
    return refused(`a model with the noise schedule ${name}, which is not known here`, PLAIN);
  const schedule = config.beta_schedule;
  if (isSet(schedule) && schedule !== 'scaled_linear' && schedule !== 'linear')
    return refused(`a model with the noise schedule ${String(schedule)}`, PLAIN);
  for (const key of ['trained_betas', 'sigma_data', 'use_flow_sigmas', 'snr_shift_scale', 'use_dynamic_shifting'])
    if (isSet(config[key]) && config[key] !== 1 && !(Array.isArray(config[key]) && config[key].length === 0))
      return refused(`a model with another noise schedule (${key} in its scheduler)`, PLAIN);
  if (config.timestep_type === 'continuous' || isSet(config.sigma_min) || isSet(config.sigma_max))
    return refused('a model with an EDM noise schedule (such as Playground v2.5 or CosXL)', PLAIN);
  for (const key of ['beta_start', 'beta_end'])
    if (isSet(config[key]) && !(Number(config[key]) > 0 && Number(config[key]) < 1))
      return refused(`a model with another noise schedule (${key} in its scheduler)`, PLAIN);
  return { ...bounded(config), unknown: unknownOf(config, schedulerKeys) };
}

export function judgeVae(config: Config): Judged {
  const name = config._class_name;
  if (name !== undefined && name !== 'AutoencoderKL')
    return refused(`a model with the VAE ${String(name)}; the one of Stable Diffusion is an AutoencoderKL`);
  if (isSet(config.latents_mean) || isSet(config.latents_std))
    return refused('a model whose latents have a mean and deviation of their own (latents_mean, latents_std)', PLAIN);
  if (isSet(config.shift_factor) && !Number.isFinite(Number(config.shift_factor)))
    return refused('a model whose VAE has no usable shift_factor');
  if (isSet(config.latent_channels) && config.latent_channels !== 4)
    return refused(`a model with latents of ${String(config.latent_channels)} channels, not 4`);
  if (isSet(config.scaling_factor) && !(Number(config.scaling_factor) > 0))
    return refused('a model whose VAE has no usable scaling_factor');
  return quantised(config) ?? { ...bounded(config), unknown: [] };
}

export function judgeUnet(config: Config): Judged {
  if (isSet(config.time_cond_proj_dim)) return refused('a distilled model (LCM), made for a few steps', PLAIN);
  for (const key of ['class_embed_type', 'encoder_hid_dim_type', 'num_class_embeds'])
    if (isSet(config[key])) return refused(`a model with another kind of conditioning (${key} in its U-Net)`, PLAIN);
  return quantised(config) ?? { ...bounded(config), unknown: [] };
}

export const judgeTextEncoder = (config: Config): Judged => quantised(config) ?? { ...bounded(config), unknown: [] };

/** Refuses weights that are stored as whole numbers with scales beside them (bitsandbytes, torchao, quanto, GGUF). */
function quantised(config: Config): Judged | undefined {
  return isSet(config.quantization_config)
    ? refused('a model with quantised weights (quantization_config)', WHOLE)
    : undefined;
}

function bounded(config: Config): Pick<Judged, 'refusal'> {
  const beyond = beyondBounds(config);
  return beyond === undefined
    ? {}
    : { refusal: { what: `damaged or no model of this kind: ${beyond}`, cure: 'Download the model again.' } };
}

const unknownOf = (config: Config, known: ReadonlySet<string>) =>
  Object.keys(config).filter((key) => !key.startsWith('_') && !known.has(key) && isSet(config[key]));

const refused = (what: string, cure = PLAIN): Judged => ({ refusal: { what, cure }, unknown: [] });
