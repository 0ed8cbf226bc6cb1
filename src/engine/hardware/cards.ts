/** Decides which cards of this machine train together, and how many processes that makes. Pure. */
import { EnvironmentError } from '../../base/errors.ts';
import { plural } from '../../base/text.ts';
import type { Gpu } from './types.ts';

/** `resources.devices` of run.yaml: one card, all cards, a number of cards, or a list of them. */
export type Devices = 'auto' | 'all' | number | readonly number[];

export interface CardsChoice {
  /** Numbers of the cards in torch, one process each; empty where a single process trains, or the processor does. */
  readonly cards: readonly number[];
  /** Processes of this machine. */
  readonly processes: number;
  /** The cards that train. */
  readonly gpus: readonly Gpu[];
  readonly warnings: readonly string[];
}

const alone = (gpu: Gpu | undefined): CardsChoice => ({
  cards: [],
  processes: 1,
  gpus: gpu === undefined ? [] : [gpu],
  warnings: [],
});

/**
 * Chooses the cards.
 * @param device the device that `resources.device` stands for here, with its card
 * @throws {EnvironmentError} when there are not so many cards, or a named one is not there
 */
export function chooseCards(
  devices: Devices,
  { device, gpu }: { readonly device: string; readonly gpu: Gpu | undefined },
  all: readonly Gpu[],
): CardsChoice {
  if (devices === 'auto' || devices === 1) return alone(gpu);
  if (gpu === undefined) return onProcessor(devices);
  if (device === 'mps') {
    if (devices === 'all') return alone(gpu);
    throw refused('an Apple chip is one device: it cannot train in several processes', all);
  }
  const usable = all.filter(({ vendor }) => vendor === gpu.vendor);
  const found = named(devices, gpu, usable);
  if (found.length === 1) return { ...alone(found[0]), cards: [] };
  return { cards: found.map(({ index }) => index), processes: found.length, gpus: found, warnings: mixed(found) };
}

function onProcessor(devices: Exclude<Devices, 'auto'>): CardsChoice {
  if (typeof devices === 'object') throw refused('it lists cards, and this run trains on the processor', []);
  return devices === 'all' ? alone(undefined) : { ...alone(undefined), processes: devices };
}

function named(devices: Exclude<Devices, 'auto'>, first: Gpu, usable: readonly Gpu[]): readonly Gpu[] {
  if (devices === 'all') return usable;
  if (typeof devices === 'number') {
    if (devices > usable.length)
      throw refused(
        `it wants ${devices} cards, and there ${usable.length === 1 ? 'is one' : `are ${usable.length}`}`,
        usable,
      );
    return [first, ...usable.filter(({ index }) => index !== first.index)].slice(0, devices);
  }
  return devices.map((number) => {
    const card = usable.find(({ index }) => index === number);
    if (card === undefined) throw refused(`it lists card ${number}, which is not there`, usable);
    return card;
  });
}

function refused(why: string, usable: readonly Gpu[]): EnvironmentError {
  const there = usable.map(({ index, name }) => `cuda:${index} (${name})`);
  return new EnvironmentError(`resources.devices cannot be used here: ${why}.`, {
    id: 'hardware/device',
    details: there.length === 0 ? [] : [`There ${there.length === 1 ? 'is' : 'are'}: ${there.join(', ')}.`],
    nextSteps: ['Train on one:     --set resources.devices=auto'],
  });
}

/**
 * Warnings about cards of different kinds: each step waits for the slowest card, and the smallest card bounds what all
 * can hold.
 */
function mixed(gpus: readonly Gpu[]): readonly string[] {
  const names = [...new Set(gpus.map(({ name }) => name))];
  if (names.length === 1) return [];
  return [
    `resources.devices: the ${plural(gpus.length, 'card')} differ (${names.join(', ')}): each step waits for the slowest, the smallest decides what fits, and the bytes are those of this mixture`,
  ];
}

/** The card that limits what all can compute and hold: the oldest, and among equally old ones the smallest. */
export function weakest(gpus: readonly Gpu[]): Gpu | undefined {
  const rank = ({ capability, totalBytes }: Gpu): readonly [number, number] => [
    Number(capability ?? Number.POSITIVE_INFINITY),
    totalBytes ?? Number.POSITIVE_INFINITY,
  ];
  return gpus.toSorted((a, b) => {
    const [[age, size], [otherAge, otherSize]] = [rank(a), rank(b)];
    const older = Math.min(Math.trunc(age), 8) - Math.min(Math.trunc(otherAge), 8);
    return older === 0 || Number.isNaN(older) ? size - otherSize || 0 : older;
  })[0];
}
