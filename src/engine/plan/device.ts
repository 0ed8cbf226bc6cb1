/** Which device trains, in which number format and with which optimiser: what was asked for, against what the machine can do. Pure. */
import type { RunSpec } from '../config/schema.ts';
import { EnvironmentError } from '../errors.ts';
import type { Gpu, Hardware } from '../hardware/probe.ts';

type Precision = RunSpec['resources']['precision'];
type Optimizer = RunSpec['training']['optimizer'];

export interface DeviceChoice {
  /** `cpu`, `mps` or `cuda:N`. */
  readonly device: string;
  readonly precision: Precision;
  readonly vaePrecision: Precision;
  readonly optimizer: Optimizer;
  readonly warnings: readonly string[];
}

/** Side in pixels from which training without a card takes hours. */
const SLOW_ON_CPU = 256;

/** @throws {EnvironmentError} when the device that was named is not there. */
export function chooseDevice({ resources, dataset, training }: RunSpec, hardware: Hardware): DeviceChoice {
  const { device, gpu } = pickDevice(resources.device, hardware);
  const main = possiblePrecision(resources.precision, device, gpu);
  const vae = possiblePrecision(resources.vae_precision, device, gpu);
  const warnings: string[] = [];
  const explain = (key: string, wanted: Precision, has: Precision) => {
    if (wanted !== has) warnings.push(`resources.${key}: ${reason(device, gpu, wanted)}; ${has} is used`);
  };
  explain('precision', resources.precision, main);
  explain('vae_precision', resources.vae_precision, vae);
  const optimizer = possibleOptimizer(training.optimizer, hardware);
  if (optimizer !== training.optimizer)
    warnings.push(
      `training.optimizer: bitsandbytes, which ${training.optimizer} comes from, is for Linux; ${optimizer} is used: the same steps with more memory`,
    );
  if (resources.device === 'auto' && device === 'cpu' && dataset.resolution >= SLOW_ON_CPU)
    warnings.push('no graphics card was found: training at this resolution on the processor takes hours to days');
  return { device, precision: main, vaePrecision: vae, optimizer, warnings };
}

/** As trainer/requirements/requirements.in has it. */
function possibleOptimizer(wanted: Optimizer, { platform }: Hardware): Optimizer {
  return wanted === 'adamw8bit' && platform !== 'linux' ? 'adamw' : wanted;
}

function pickDevice(wanted: string, { gpus }: Hardware): { device: string; gpu: Gpu | undefined } {
  const cuda = gpus.filter(({ vendor }) => vendor !== 'apple');
  const apple = gpus.find(({ vendor }) => vendor === 'apple');
  if (wanted === 'cpu') return { device: 'cpu', gpu: undefined };
  if (wanted === 'mps') {
    if (apple === undefined) throw missing('resources.device is mps, but this is no Mac with an Apple chip.');
    return { device: 'mps', gpu: apple };
  }
  if (wanted === 'auto' && cuda.length === 0)
    return apple === undefined ? { device: 'cpu', gpu: undefined } : { device: 'mps', gpu: apple };
  const index = Number(/:(\d+)$/u.exec(wanted)?.[1] ?? cuda[0]?.index ?? 0);
  const gpu = cuda.find((card) => card.index === index);
  if (gpu === undefined) {
    const there = cuda.map((card) => `cuda:${card.index} (${card.name})`).join(', ');
    throw missing(
      `resources.device is ${wanted}, but ${there === '' ? 'no NVIDIA or AMD card was found' : `there is only ${there}`}.`,
    );
  }
  return { device: `cuda:${gpu.index}`, gpu };
}

function missing(message: string): EnvironmentError {
  return new EnvironmentError(message, {
    nextSteps: ['See your cards:       nvidia-smi', 'or let it choose:     --set resources.device=auto'],
  });
}

/** Processors and old cards compute half precision slowly or wrongly. */
function possiblePrecision(wanted: Precision, device: string, gpu: Gpu | undefined): Precision {
  if (wanted === 'fp32' || device === 'mps') return wanted;
  if (device === 'cpu') return 'fp32';
  return wanted === 'bf16' && tooOldForBf16(gpu) ? 'fp16' : wanted;
}

function tooOldForBf16(gpu: Gpu | undefined): boolean {
  return gpu?.vendor === 'nvidia' && gpu.capability !== null && Number(gpu.capability.split('.')[0]) < 8;
}

function reason(device: string, gpu: Gpu | undefined, wanted: Precision): string {
  return device === 'cpu' ? `${wanted} needs a graphics card` : `${gpu?.name ?? device} cannot compute ${wanted}`;
}
