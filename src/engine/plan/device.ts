/**
 * Decides on which device, in which number format and with which optimiser a run trains, from its settings and the
 * machine. Pure.
 */

import { EnvironmentError } from '../../base/errors.ts';
import type { RunSpec } from '../../spec/schema.ts';
import { largestSide } from '../../spec/sections/resolution.ts';
import { chooseCards, weakest } from '../hardware/cards.ts';
import type { Hardware } from '../hardware/probe.ts';
import type { Gpu } from '../hardware/types.ts';
import type { Plan } from './schema.ts';

type Precision = RunSpec['resources']['precision'];
type Optimizer = RunSpec['training']['optimizer'];

export interface DeviceChoice {
  /** Device in torch's words: `cpu`, `mps` or `cuda:N`. */
  readonly device: string;
  /** Numbers of the cards that train together; empty where a single process trains, or the processor does. */
  readonly cards: readonly number[];
  /** Processes of this machine, one to a card. */
  readonly processes: number;
  readonly precision: Precision;
  readonly vaePrecision: Precision;
  readonly optimizer: Optimizer;
  readonly tf32: boolean;
  /** The graphics card of that device, the weakest one of several; undefined on a processor. */
  readonly gpu: Gpu | undefined;
  readonly warnings: readonly string[];
}

/** Side of the images in pixels from which training without a card takes hours. */
const SLOW_ON_CPU = 256;

/** Package that an optimiser comes from, when it is not part of every environment. */
const OPTIMIZER_PACKAGE: Readonly<Partial<Record<Optimizer, string>>> = {
  adamw8bit: 'bitsandbytes',
  prodigy: 'prodigyopt',
};

/** Packages that a spec needs beside the usual ones. */
export function extraPackages({ training }: RunSpec): readonly string[] {
  const name = OPTIMIZER_PACKAGE[training.optimizer];
  return name === undefined ? [] : [name];
}

/**
 * Chooses the device.
 * @param lacking the packages in `extraPackages` that the Python of VISIONTRAIN_PYTHON lacks
 * @throws {EnvironmentError} when the named device is not there, or an optimiser is missing that no other can replace
 */
export function chooseDevice(
  { resources, dataset, training }: RunSpec,
  hardware: Hardware,
  lacking: readonly string[],
): DeviceChoice {
  const picked = pickDevice(resources, hardware);
  const { device } = picked;
  const together = chooseCards(resources.devices, picked, hardware.gpus);
  // The weakest card decides: all of them must be able to compute and hold the same.
  const gpu = weakest(together.gpus);
  refuseFp8(resources, device);
  const main = possiblePrecision(resources.precision, device, gpu);
  const vae = possiblePrecision(resources.vae_precision, device, gpu);
  const warnings: string[] = [...together.warnings];
  const explain = (key: string, wanted: Precision, has: Precision) => {
    if (wanted !== has) warnings.push(`resources.${key}: ${reason(device, gpu, wanted)}; ${has} is used`);
  };
  explain('precision', resources.precision, main);
  explain('vae_precision', resources.vae_precision, vae);
  const why = whyNoOptimizer(training.optimizer, hardware, lacking);
  if (why !== undefined) warnings.push(`training.optimizer: ${why}; adamw is used: the same steps with more memory`);
  const optimizer = why === undefined ? training.optimizer : 'adamw';
  const tf32 = resources.tf32 && device.startsWith('cuda') && !tooOld(gpu);
  if (resources.tf32 && !tf32) warnings.push(`resources.tf32: ${reason(device, gpu, 'tf32')}; fp32 is used`);
  if (resources.stream_base && !device.startsWith('cuda'))
    warnings.push(
      `resources.stream_base: on ${device} the weights are in the machine's memory already; nothing is sent`,
    );
  if (resources.device === 'auto' && device === 'cpu' && largestSide(dataset.resolution) >= SLOW_ON_CPU)
    warnings.push(slowOnCpu(hardware.cardTrouble));
  const { cards, processes } = together;
  return { device, cards, processes, precision: main, vaePrecision: vae, optimizer, tf32, gpu, warnings };
}

/** Refuses fp8 on Apple's chips, which have no 8-bit floating-point numbers. */
function refuseFp8({ base_precision, text_precision }: RunSpec['resources'], device: string): void {
  if (device !== 'mps' || (base_precision !== 'fp8' && text_precision !== 'fp8')) return;
  const key = base_precision === 'fp8' ? 'base_precision' : 'text_precision';
  throw new EnvironmentError(`resources.${key} is fp8, which PyTorch cannot store on an Apple chip.`, {
    id: 'hardware/device',
    nextSteps: [`Store in as many bits:     --set resources.${key}=int8`],
  });
}

function slowOnCpu(trouble: string | undefined): string {
  const slow = 'training at this resolution on the processor takes hours to days';
  // When a card is there but does not work, its trouble is named instead of the slowness: visiontrain doctor names the
  // cure.
  return trouble === undefined ? `no graphics card was found: ${slow}` : `${trouble} See visiontrain doctor: ${slow}`;
}

/** Why 8-bit AdamW is not available here; undefined when it is, or when another optimiser is requested. */
function whyNoOptimizer(wanted: Optimizer, { platform }: Hardware, lacking: readonly string[]): string | undefined {
  const name = OPTIMIZER_PACKAGE[wanted];
  if (name === undefined) return undefined;
  // trainer/requirements/requirements.in installs the package on Linux only.
  if (wanted === 'adamw8bit' && platform !== 'linux') return `${name}, which ${wanted} comes from, is for Linux`;
  if (!lacking.includes(name)) return undefined;
  if (wanted === 'adamw8bit')
    return `the Python of VISIONTRAIN_PYTHON lacks ${name}, or cannot import it, which ${wanted} comes from`;
  // Prodigy finds its own learning rate, so no other optimiser makes the same steps with the same settings.
  throw new EnvironmentError(
    `training.optimizer is ${wanted}, but the Python of VISIONTRAIN_PYTHON lacks ${name}, which it comes from, or cannot import it.`,
    {
      id: 'environment/given-python',
      nextSteps: [
        `Put it there:       "$VISIONTRAIN_PYTHON" -m pip install --force-reinstall ${name}`,
        'or use another:     --set training.optimizer=adamw --set training.learning_rate=1e-4',
        'or unset VISIONTRAIN_PYTHON: visiontrain setup makes an environment that has it',
      ],
    },
  );
}

/** Name of a processor as a device. Its speed depends on the number of threads. */
export const processorName = (cpu: string, threads: number): string => `${cpu}, ${threads} threads`;

/** Name of the device that trains: that of the card, or of the processor. */
export function deviceName(
  { device, threads }: Pick<Plan['resources'], 'device' | 'threads'>,
  { gpus, cpu }: Hardware,
): string {
  const index = Number(/:(\d+)$/u.exec(device)?.[1] ?? 0);
  const card = device === 'cpu' ? undefined : gpus.find((gpu) => gpu.index === index);
  return device === 'cpu' ? processorName(cpu, threads) : (card?.name ?? device);
}

function pickDevice(
  { device: wanted, devices }: RunSpec['resources'],
  { gpus }: Hardware,
): { device: string; gpu: Gpu | undefined } {
  const cuda = gpus.filter(({ vendor }) => vendor !== 'apple');
  const apple = gpus.find(({ vendor }) => vendor === 'apple');
  if (wanted === 'cpu') return { device: 'cpu', gpu: undefined };
  if (wanted === 'mps') {
    if (apple === undefined)
      throw new EnvironmentError('resources.device is mps, but this is no Mac with an Apple chip.', {
        id: 'hardware/device',
        nextSteps: ['Let it choose:     --set resources.device=auto'],
      });
    return { device: 'mps', gpu: apple };
  }
  if (wanted === 'auto' && cuda.length === 0)
    return apple === undefined ? { device: 'cpu', gpu: undefined } : { device: 'mps', gpu: apple };
  const listed = Array.isArray(devices) ? devices[0] : undefined;
  const index = Number(/:(\d+)$/u.exec(wanted)?.[1] ?? listed ?? cuda[0]?.index ?? 0);
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
    id: 'hardware/device',
    nextSteps: ['See your cards:       nvidia-smi', 'or let it choose:     --set resources.device=auto'],
  });
}

/**
 * The precision in which the device can compute: processors and old cards compute half precision slowly or wrongly.
 */
function possiblePrecision(wanted: Precision, device: string, gpu: Gpu | undefined): Precision {
  if (wanted === 'fp32' || device === 'mps') return wanted;
  if (device === 'cpu') return 'fp32';
  return wanted === 'bf16' && tooOld(gpu) ? 'fp16' : wanted;
}

/** Whether a card is older than Ampere, NVIDIA's first generation with bf16 and TF32. */
function tooOld(gpu: Gpu | undefined): boolean {
  return gpu?.vendor === 'nvidia' && gpu.capability !== null && Number(gpu.capability.split('.')[0]) < 8;
}

function reason(device: string, gpu: Gpu | undefined, wanted: Precision | 'tf32'): string {
  return device === 'cpu' ? `${wanted} needs a graphics card` : `${gpu?.name ?? device} cannot compute ${wanted}`;
}
