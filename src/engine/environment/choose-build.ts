/** Decides which build of torch fits this machine's driver, card and system. Pure: see builds.ts for the facts. */
import { UsageError } from '../../base/errors.ts';
import { neutralise } from '../../base/text.ts';
import type { CardSigns } from '../hardware/signals.ts';
import { cardTrouble, installDriver } from '../hardware/trouble.ts';
import type { Gpu } from '../hardware/types.ts';
import { BUILDS, type BuildFacts, buildFacts, leastDriver, servesCapability, type TorchBuild } from './builds.ts';

export type BuildDecision =
  | {
      readonly kind: 'build';
      readonly build: TorchBuild;
      /** The card for which it was chosen; null on a processor. */
      readonly card: Gpu | null;
      /** Sentences about the choice for the person. */
      readonly notes: readonly string[];
    }
  | {
      readonly kind: 'stop';
      readonly message: string;
      readonly details: readonly string[];
      readonly nextSteps: readonly string[];
    };

export interface BuildWishes {
  /** Build that the person named. */
  readonly torch?: string | undefined;
  /** Device of the run: `cpu`, `mps`, `cuda:N`; undefined when set-up should use whatever this machine has. */
  readonly device?: string | undefined;
}

const CPU_ANYWAY = 'visiontrain setup --torch cpu   trains on the processor all the same';

/**
 * Chooses a build.
 * @throws UsageError for a build that is not in the table
 */
export function chooseBuild(signs: CardSigns, wishes: BuildWishes): BuildDecision {
  if (wishes.torch !== undefined) return named(signs, wishes.torch);
  const impossible = unsupportedSystem(signs);
  if (impossible !== undefined) return impossible;
  if (signs.platform === 'darwin') return { kind: 'build', build: 'native', card: signs.cards[0] ?? null, notes: [] };
  const decision = byCard(signs, wishes.device);
  if (decision.kind === 'build' || wishes.device !== 'cpu') return decision;
  // A run that requests the processor needs no driver.
  return { kind: 'build', build: 'cpu', card: null, notes: [decision.message] };
}

function named(signs: CardSigns, name: string): BuildDecision {
  const build = BUILDS.find(({ id }) => id === name);
  if (build === undefined)
    throw new UsageError(`There is no build ${JSON.stringify(name)} of torch.`, {
      id: 'environment/no-build',
      details: BUILDS.map(({ id, torch, title }) => `${id.padEnd(8)} torch ${torch}: ${title}`),
      nextSteps: ['visiontrain setup   chooses what fits'],
    });
  const card = signs.cards.find(({ vendor }) => vendor === build.vendor) ?? null;
  const misfit = card === null ? undefined : whyNot(build, card, signs);
  return {
    kind: 'build',
    build: build.id,
    card,
    notes: misfit === undefined ? [] : [`You chose ${build.id}. ${misfit}`],
  };
}

function unsupportedSystem({ platform, arch, musl }: CardSigns): BuildDecision | undefined {
  const stop = (message: string, ...nextSteps: string[]): BuildDecision => ({
    kind: 'stop',
    message,
    details: [],
    nextSteps,
  });
  if (platform === 'darwin' && arch !== 'arm64')
    return stop(
      'PyTorch has no build for Macs with Intel processors, or for an Intel build of Node on an Apple chip.',
      'On an Apple chip: install Node for arm64 from https://nodejs.org',
    );
  if (platform === 'linux' && musl)
    return stop(
      'PyTorch has no build for Alpine and other systems with musl.',
      'Use a container of Debian or Ubuntu: docker run -it node:24-bookworm',
    );
  if (arch !== 'x64' && arch !== 'arm64') return stop(`PyTorch has no build for this processor (${arch}).`);
  return undefined;
}

function byCard(signs: CardSigns, device: string | undefined): BuildDecision {
  const index = Number(/^cuda:(\d+)$/u.exec(device ?? '')?.[1] ?? 0);
  const card = signs.cards.find((gpu) => gpu.index === index) ?? signs.cards[0];
  if (card === undefined) return withoutCard(signs);
  return card.vendor === 'amd' ? forAmd(signs, card) : forNvidia(signs, card);
}

function withoutCard(signs: CardSigns): BuildDecision {
  const trouble = cardTrouble(signs);
  if (trouble !== undefined)
    return { kind: 'stop', message: trouble.message, details: [], nextSteps: [...trouble.nextSteps, CPU_ANYWAY] };
  const { nvidia, amd } = signs;
  const notes: string[] = [];
  if (nvidia.hidden > 0)
    notes.push(`CUDA_VISIBLE_DEVICES hides ${nvidia.hidden === 1 ? 'the card' : 'all cards'} of this machine.`);
  else if (nvidia.libcuda) notes.push("NVIDIA's library libcuda is installed, but nothing else speaks for a card.");
  if (amd.pci > 0 && amd.kfd === 'missing')
    notes.push('An AMD display adapter is there, but not the driver that computes on it (/dev/kfd).');
  return { kind: 'build', build: 'cpu', card: null, notes };
}

function forAmd(signs: CardSigns, card: Gpu): BuildDecision {
  const build = buildFacts('rocm7.2');
  const misfit = whyNot(build, card, signs);
  if (misfit === undefined) return { kind: 'build', build: build.id, card, notes: othersLeft(build, signs, card) };
  // Most of these are graphics units of processors, which nobody bought for training.
  return { kind: 'build', build: 'cpu', card: null, notes: [`${misfit} The processor is used.`] };
}

function forNvidia(signs: CardSigns, card: Gpu): BuildDecision {
  const builds = BUILDS.filter(({ vendor }) => vendor === 'nvidia');
  const fitting = builds.find((build) => whyNot(build, card, signs) === undefined);
  if (fitting !== undefined) return { kind: 'build', build: fitting.id, card, notes: othersLeft(fitting, signs, card) };
  const name = neutralise(card.name);
  const { capability, driver } = card;
  const known = builds.filter(({ archs }) => archs.includes(signs.arch));
  const served = capability === null ? known : known.filter((build) => servesCapability(build, capability));
  if (served.length === 0)
    return {
      kind: 'stop',
      message: `${name} is ${tooOld(known, capability) ? 'too old' : 'too new'} for PyTorch: its compute capability is ${capability}, and no build has kernels for it.`,
      details: known.map(
        ({ id, torch, capabilities }) => `${id}: torch ${torch}, capabilities ${capabilities.join(', ')}`,
      ),
      nextSteps: [CPU_ANYWAY],
    };
  const least = Math.min(...served.map((build) => leastDriver(build, capability ?? '')));
  return {
    kind: 'stop',
    message:
      driver === null
        ? `The version of the NVIDIA driver of ${name} cannot be read; it must be ${least} or newer.`
        : `The NVIDIA driver ${driver} is too old for ${name}: update the driver to ${wanted(served, capability, least)}.`,
    details: [
      ...(driver === null ? [] : [`It takes driver ${least} or newer to run PyTorch on this card.`]),
      'Nothing was downloaded.',
    ],
    nextSteps: [
      installDriver(signs, wanted(served, capability, least)),
      'then: sudo reboot, and visiontrain setup',
      CPU_ANYWAY,
    ].filter((step) => !(step.startsWith('then:') && (signs.container || signs.nvidia.wsl))),
  };
}

/** The driver to update to: the long-lived branch 580, which supports every card from GTX 900 to RTX 50. */
const wanted = (served: readonly BuildFacts[], capability: string | null, least: number): string =>
  String(Math.max(least, 580, ...served.slice(0, 1).map((build) => leastDriver(build, capability ?? ''))));

function tooOld(builds: readonly BuildFacts[], capability: string | null): boolean {
  const oldest = Math.min(...builds.flatMap(({ capabilities }) => capabilities.map(Number)));
  return Number(capability) < oldest;
}

/** Why a build does not fit a card, in a sentence; undefined when it fits. */
function whyNot(build: BuildFacts, card: Gpu, { arch }: CardSigns): string | undefined {
  const name = neutralise(card.name);
  if (!build.archs.includes(arch))
    return `There is no torch ${build.torch} (${build.id}) for this processor (${arch}).`;
  if (card.vendor === 'amd') {
    if (card.gfx !== undefined && !build.gfx.includes(card.gfx))
      return `PyTorch's build for ROCm has no kernels for ${name} (${card.gfx}).`;
    return undefined;
  }
  const driver = Number.parseInt(card.driver ?? '', 10);
  const least = leastDriver(build, card.capability ?? '');
  if (!(driver >= least))
    return `${build.id} needs driver ${least} or newer; ${card.driver ?? 'an unknown one'} is here.`;
  if (card.capability !== null && !servesCapability(build, card.capability))
    return `${build.id} has no kernels for ${name} (compute capability ${card.capability}).`;
  return undefined;
}

/** A sentence for each further card that the build for `card` does not support. */
const othersLeft = (build: BuildFacts, signs: CardSigns, card: Gpu): string[] =>
  signs.cards
    .filter((other) => other.index !== card.index)
    .flatMap((other) => {
      const misfit = whyNot(build, other, signs);
      return misfit === undefined ? [] : [`cuda:${other.index} is left out. ${misfit}`];
    });
