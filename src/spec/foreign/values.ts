/**
 * Converts values as other trainers write them into values of run.yaml. Pure; the result is undefined for a value that
 * cannot be converted.
 */

import { precisions, type samplers } from '../sections/choices.ts';
import { optimizers } from '../training/optimizer-keys.ts';
import { schedules } from '../training/schedule-keys.ts';

const isTrue = (value: unknown) => value === true || value === 1;
const isFalse = (value: unknown) => value === false || value === 0;
const when = (holds: (value: unknown) => boolean, result: unknown) => (value: unknown) =>
  holds(value) ? result : undefined;
const plain = (value: unknown) => (typeof value === 'string' ? value.toLowerCase().replaceAll(/[^a-z0-9]/gu, '') : '');

const numberFormats: Readonly<Record<string, (typeof precisions)[number]>> = {
  no: 'fp32',
  float: 'fp32',
  float32: 'fp32',
  f32: 'fp32',
  half: 'fp16',
  float16: 'fp16',
  f16: 'fp16',
  bfloat16: 'bf16',
  b16: 'bf16',
};

/** Converts a precision: `float16`, `BFLOAT_16`, `torch.bfloat16` → `fp16`, `bf16`. */
function precision(value: unknown): unknown {
  if (value === false) return 'fp32';
  const name = plain(value).replace(/^torch/u, '');
  return precisions.find((known) => known === name) ?? numberFormats[name];
}

/**
 * Converts a quantisation: `float8`, `INT_8`, `int8-quanto`, `NFLOAT_4`, `nf4-bnb` → `fp8`, `int8`, `nf4`; formats of
 * 16 bits and more: `same`.
 */
function packing(value: unknown): unknown {
  const name = plain(value);
  if (/^(q?float8|fp8)/u.test(name)) return 'fp8';
  if (/^q?int8/u.test(name)) return 'int8';
  if (/^(nf4|nfloat4)/u.test(name)) return 'nf4';
  return precision(value) !== undefined || /^nochange/u.test(name) ? 'same' : undefined;
}

const optimizerNames: Readonly<Record<string, (typeof optimizers)[number]>> = {
  adam: 'adamw',
  adam8bit: 'adamw8bit',
  bnbadamw8bit: 'adamw8bit',
  pagedadamw: 'adamw',
  pagedadamw8bit: 'adamw8bit',
  dadaptation: 'prodigy',
  dadaptadam: 'prodigy',
  dadaptlion: 'prodigy',
  prodigyopt: 'prodigy',
  prodigyplusprodigyplusschedulefree: 'prodigy_schedulefree',
  prodigyplusschedulefree: 'prodigy_schedulefree',
  prodigyplus: 'prodigy_schedulefree',
  dadaptadampreprint: 'prodigy',
  pagedadamw32bit: 'adamw',
  adamw32bit: 'adamw',
  pagedlion8bit: 'lion',
  lion8bit: 'lion',
  adamwschedulefree: 'adamw_schedulefree',
  schedulefreeadamw: 'adamw_schedulefree',
};

function optimizer(value: unknown): unknown {
  const name = plain(value);
  return optimizers.find((known) => known === name) ?? optimizerNames[name];
}

const scheduleNames: Readonly<Record<string, (typeof schedules)[number]>> = {
  onecyclelr: 'one_cycle',
  piecewiseconstant: 'piecewise',
  constantwithwarmup: 'constant',
  // Adafactor's own schedule is its relative step, for which there is no switch here.
  adafactor: 'constant',
  cosineannealinglr: 'cosine',
  cosinewithhardrestarts: 'cosine_with_restarts',
};

function schedule(value: unknown): unknown {
  const name = plain(value);
  return schedules.find((known) => plain(known) === name) ?? scheduleNames[name];
}

/** Converts a resolution: `512`, `"512,768"`, `[512, 768]` → the side of the square of that area, a multiple of 8. */
function side(value: unknown): unknown {
  const sides = (typeof value === 'string' ? value.split(/[,x×]/u) : [value].flat()).map((each) => Number(each));
  // A list of three or more numbers is no width and height: ai-toolkit trains on all of these sizes.
  if (sides.length > 2)
    return sides.every((each) => each > 0) ? sides.map((each) => Math.round(each / 8) * 8) : undefined;
  const [width = Number.NaN, height = width] = sides;
  if (!(width > 0 && height > 0)) return undefined;
  return Math.round(Math.sqrt(width * height) / 8) * 8;
}

/** Converts a list of sizes that are all trained: `"512, 768"`, `[512, 768]`. */
function everySide(value: unknown): unknown {
  const sides = (typeof value === 'string' ? value.split(',') : [value].flat()).map(Number);
  if (!sides.every((each) => each > 0)) return undefined;
  const different = [...new Set(sides.map((each) => Math.round(each / 8) * 8))];
  return different.length === 1 ? different[0] : different;
}

const losses: Readonly<Record<string, string>> = {
  l2: 'l2',
  mse: 'l2',
  l1: 'l1',
  mae: 'l1',
  huber: 'huber',
  pseudohuber: 'huber',
  smoothl1: 'smooth_l1',
};

/** OneTrainer's names of loss weightings, with ours. */
const weightings: Readonly<Record<string, string>> = {
  constant: 'none',
  none: 'none',
  minsnr: 'min_snr',
  minsnrgamma: 'min_snr',
  softminsnr: 'soft_min_snr',
  debiased: 'debiased',
  debiasedestimation: 'debiased',
  p2: 'p2',
};

const samplerNames: Readonly<Record<string, (typeof samplers)[number]>> = {
  ddim: 'ddim',
  euler: 'euler',
  keuler: 'euler',
  eulera: 'euler_a',
  keulera: 'euler_a',
  dpmsolver: 'dpmpp_2m',
};

/** Converts the number of a card to a device name; a device name stays as it is. */
function card(value: unknown): unknown {
  if (value === 'gpu') return 'cuda';
  if (/^\d{1,2}$/u.test(String(value))) return `cuda:${value}`;
  return value;
}

const extension = (value: unknown) =>
  typeof value === 'string' ? (value.startsWith('.') ? value : `.${value}`) : undefined;

const prompts = (value: unknown) => (typeof value === 'string' ? [value] : Array.isArray(value) ? value : undefined);

export const conversions = {
  precision,
  optimizer,
  schedule,
  side,
  sides: everySide,
  card,
  extension,
  prompts,
  sampler: (value: unknown) => samplerNames[plain(value)],
  loss: (value: unknown) => losses[plain(value)],
  adapter: (value: unknown) =>
    ({
      lora: 'lora',
      locon: 'lora',
      loha: 'loha',
      lokr: 'lokr',
      standard: 'lora',
      lycorisloha: 'loha',
      lycorislokr: 'lokr',
      lycorislocon: 'lora',
      kohyalocon: 'lora',
      lierla: 'lora',
      c3lier: 'lora',
    })[plain(value)],
  isFlow: (value: unknown) => (isTrue(value) ? 'flow' : isFalse(value) ? null : undefined),
  vaeScale: (value: unknown) => ({ scale: value }),
  vaeShift: (value: unknown) => ({ shift: value }),
  vaeReflects: (value: unknown) => (isTrue(value) ? { reflect: true } : isFalse(value) ? null : undefined),
  lokrFactor: (value: unknown) => ({ factor: value }),
  weighting: (value: unknown) => weightings[plain(value)],
  debiased: when(isTrue, 'debiased'),
  iterations: (value: unknown) => (value === 0 ? null : { iterations: value }),
  discount: (value: unknown) => (value === 0 ? null : { discount: value }),
  perturbation: (value: unknown) => (value === 0 ? null : { strength: value }),
  leastTimestep: (value: unknown) => ({ min: value }),
  mostTimestep: (value: unknown) => ({ max: value }),
  masks: (value: unknown) => (isTrue(value) ? { from: 'auto' } : isFalse(value) ? null : undefined),
  alphaMasks: (value: unknown) => (isTrue(value) ? { from: 'alpha' } : isFalse(value) ? null : undefined),
  outside: (value: unknown) => ({ from: 'auto', outside: value }),
  unmaskedShare: (value: unknown) => ({ from: 'auto', unmasked_share: value }),
  regularisation: (value: unknown) => ({ path: value }),
  floor: (value: unknown) => ({ floor: value }),
  power: (value: unknown) => ({ power: value }),
  leastRank: (value: unknown) => ({ min_rank: value }),
  timestepMask: (value: unknown) => (isTrue(value) ? {} : isFalse(value) ? null : undefined),
  distribution: (value: unknown) => {
    const found = { uniform: 'uniform', sigmoid: 'sigmoid', logitnormal: 'logit_normal', heavytail: 'heavy_tail' };
    const name = { ...found, cosmap: 'cosine' }[plain(value)];
    return name === undefined ? undefined : { distribution: name };
  },
  checkpointing: (value: unknown) =>
    isTrue(value) || plain(value) === 'on' ? 'full' : isFalse(value) || plain(value) === 'off' ? 'none' : undefined,
  eightBit: when(isTrue, 'adamw8bit'),
  lion: when(isTrue, 'lion'),
  isVelocity: (value: unknown) => (isTrue(value) ? 'v_prediction' : isFalse(value) ? 'epsilon' : undefined),
  // sd-scripts turns the hue by up to 8° and changes gamma by 5 %, with a chance of a third each.
  colorAug: (value: unknown) => (isTrue(value) ? { hue: 0.02, gamma: 0.05 } : isFalse(value) ? null : undefined),
  randomCrop: (value: unknown) => (isTrue(value) ? 'random' : isFalse(value) ? 'center' : undefined),
  centerCrop: (value: unknown) => (isTrue(value) ? 'center' : isFalse(value) ? 'random' : undefined),
  layersSkipped: (value: unknown) => (typeof value === 'number' ? value + 1 : undefined),
  zeroIfTrue: when(isTrue, 0),
  zeroIfFalse: when(isFalse, 0),
  zeroIsOff: (value: unknown) => (value === 0 ? null : value),
  noneIfTrue: when(isTrue, 'none'),
  packing,
  fp8IfTrue: when(isTrue, 'fp8'),
  bf16IfTrue: when(isTrue, 'bf16'),
  fp16IfTrue: when(isTrue, 'fp16'),
  fp32IfTrue: when(isTrue, 'fp32'),
  untilPercent: (value: unknown) => (typeof value === 'number' && value > 0 && value < 100 ? value / 100 : undefined),
  leastNoise: (value: unknown) => (typeof value === 'number' ? { min: Math.round(value * 1000) } : undefined),
  mostNoise: (value: unknown) => (typeof value === 'number' ? { max: Math.round(value * 1000) } : undefined),
  perturbationRandom: when(isTrue, { random: true }),
  normalisedMasks: (value: unknown) => (typeof value === 'boolean' ? { from: 'auto', normalise: value } : undefined),
  // OneTrainer's names of sets of layers, with ours.
  layerSet: (value: unknown) => ({ full: 'all', attnmlp: 'all', attnonly: 'attention' })[plain(value)] ?? value,
  lokrBoth: (value: unknown) => ({ decompose_both: value }),
  lokrFull: (value: unknown) => ({ full: value }),
  percent: (value: unknown) => (typeof value === 'number' ? value / 100 : undefined),
  firstBeta: (value: unknown) => [value, 0.999],
  secondBeta: (value: unknown) => [0.9, value],
} as const;

/** The name of a conversion. `epochs` needs the number of images, so `foreign.ts` does it. */
export type Conversion = keyof typeof conversions | 'epochs';

/**
 * A value with text such as `"1e-4"`, `"True"` and `"None"`, as files of other trainers have it, converted to the
 * value it means.
 */
export function asTyped(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  const text = value.trim();
  if (/^(true|false)$/iu.test(text)) return text.toLowerCase() === 'true';
  if (/^(none|null)$/iu.test(text)) return null;
  return text !== '' && Number.isFinite(Number(text)) ? Number(text) : value;
}
