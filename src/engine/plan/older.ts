/**
 * Reads plans of older versions. A key that was added later is filled in with the value that means what the older
 * version did, so that the run continues to the same bytes. Pure.
 */
import type { Plan } from './schema.ts';

type DeepPartial<T> = T extends readonly unknown[] ? T : T extends object ? { [K in keyof T]?: DeepPartial<T[K]> } : T;

const LATER: DeepPartial<Omit<Plan, 'data'>> & { readonly data: Partial<Plan['data']> } = {
  data: { augment: null, resolution_use: 'each', caption_options: null, masks: null },
  model: { merge_loras: [], flow_shift: 2.5, vae_scaling: null },
  training: {
    batch_size_at: [],
    text_encoder_steps: null,
    optimizer_args: null,
    schedule_args: null,
    max_weight_norm: null,
    ema: null,
    adapter: 'lora',
    lokr: null,
    dora: false,
    rslora: false,
    lora_plus_ratio: null,
    rank_dropout: 0,
    module_dropout: 0,
    t_lora: null,
    layers: [],
    huber_c: 0.1,
    huber_schedule: 'snr',
    huber_scale: 1,
    loss_weighting: 'min_snr',
    p2_gamma: 1,
    scale_v_loss: false,
    v_like_loss: 0,
    noise_offset_random: false,
    noise_offset_adaptive: 0,
    multires_noise: null,
    input_perturbation: null,
    timesteps: null,
    preservation: null,
    pivotal: null,
  },
  validation: { every: null, images: 0, patience: null, min_change: 4 },
  samples: { shots: null, sampler: 'ddim', spacing: 'trailing' },
  output: { save_every: 0, save_keep: null },
  resources: {
    base_precision: 'same',
    text_precision: 'same',
    stream_base: false,
    processes: 1,
    nodes: 1,
    cards: [],
    probe: 'off',
    counted_memory: null,
  },
};

const LATER_OF_AN_IMAGE: Partial<Plan['data']['images'][number]> = {
  regularisation: false,
  generated: null,
  loss_weight: 1,
  mask: null,
  own: null,
};

const LATER_OF_MASKS = { focus: false };

const LATER_OF_A_SHOT = { clip_skip: null };

/** Arguments of optimisers that were added later, for plans with any arguments. */
const LATER_ARGUMENTS = { schedulefree_c: null, prodigy_steps: null };

/**
 * The content of a plan.json with missing keys filled in, for `planSchema` to check. It is returned unchanged where
 * nothing is missing, and where the run was trained with a loss whose formula has changed since.
 */
export function withLaterKeys(plan: unknown): unknown {
  if (!isObject(plan) || !isObject(plan.data) || !isObject(plan.training)) return plan;
  const { huber_delta: delta, ...rest } = plan.training;
  const args = isObject(rest.optimizer_args) && { optimizer_args: filled(LATER_ARGUMENTS, rest.optimizer_args) };
  const training: Record<string, unknown> = { ...rest, ...args };
  // The pseudo-Huber loss of older versions, with its delta, differs from today's.
  if (delta !== undefined && training.loss === 'huber') return plan;
  const { version, data } = renamed(plan.version, plan.data);
  const images = Array.isArray(data.images)
    ? data.images.map((image: unknown) => ofSource(filled(LATER_OF_AN_IMAGE, image), data.augment))
    : data.images;
  const ofMasks = isObject(data.masks) ? { masks: filled(LATER_OF_MASKS, data.masks) } : {};
  const whole = filled(LATER, {
    ...{ ...plan, version, training },
    data: { ...data, images, ...ofMasks },
    ...shotsOf(plan.samples),
  });
  return JSON.stringify(whole) === JSON.stringify(plan) ? plan : whole;
}

/** An image whose source had no augmentation of its own: it had that of the data set. */
function ofSource(image: unknown, augment: unknown): unknown {
  return isObject(image) && isObject(image.own)
    ? { ...image, own: filled({ augment: augment ?? null }, image.own) }
    : image;
}

/** The samples with missing keys of their shots filled in. */
function shotsOf(samples: unknown): { readonly samples?: unknown } {
  if (!isObject(samples) || !Array.isArray(samples.shots)) return {};
  return { samples: { ...samples, shots: samples.shots.map((shot: unknown) => filled(LATER_OF_A_SHOT, shot)) } };
}

/** Version and `data` with the names of version 2: version 1 called the images samples. */
function renamed(version: unknown, data: Record<string, unknown>) {
  if (version !== 1) return { version, data };
  const { samples, ...rest } = data;
  return { version: 2, data: { ...rest, images: samples } };
}

/** The given values, with missing keys filled in from `later`. */
function filled(later: object, there: unknown): unknown {
  if (!isObject(there)) return there;
  const whole = { ...there };
  for (const [key, value] of Object.entries(later))
    if (!Object.hasOwn(there, key)) whole[key] = value;
    else if (isObject(value) && isObject(there[key])) whole[key] = filled(value, there[key]);
  return whole;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
