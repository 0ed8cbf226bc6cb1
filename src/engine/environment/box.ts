/**
 * Remembers which build of torch fits this machine, so that a start runs no tool, and notices when driver or cards
 * have changed.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { EnvironmentError } from '../../base/errors.ts';
import { writeFileAtomic } from '../../base/files/atomic.ts';
import { makeFolder } from '../../base/files/folder.ts';
import { sha256OfText } from '../../base/files/hash.ts';
import type { Places } from '../../base/paths.ts';
import { type CardSigns, quickSigns, readSigns } from '../hardware/signals.ts';
import type { System } from '../hardware/system.ts';
import { BUILDS, type TorchBuild } from './builds.ts';
import { type BuildDecision, type BuildWishes, chooseBuild } from './choose-build.ts';

/** The decision for this machine. */
export interface BoxBuild {
  /** Changes with the driver, the cards, and the cards that this process may see. */
  readonly fingerprint: string;
  readonly build: TorchBuild;
  /** Number in torch of the card for which the build was chosen; null on a processor. */
  readonly card: number | null;
  readonly cardName: string | null;
  readonly driver: string | null;
  readonly notes: readonly string[];
}

interface BoxRecord {
  readonly fingerprint: string;
  /** Build that the person named at set-up. */
  readonly chosen: TorchBuild | null;
  /** Decisions by device; `auto` is the decision of set-up. */
  readonly decisions: Readonly<Record<string, Omit<BoxBuild, 'fingerprint'>>>;
}

const recordFile = ({ envs }: Places): string => join(envs, 'box.json');

/** A hash of what the system says about driver and cards, without running any tool. It takes well below 10 ms. */
export function boxFingerprint(system: System, env: NodeJS.ProcessEnv): string {
  const cards = '/proc/driver/nvidia/gpus';
  const pci = '/sys/bus/pci/devices';
  const kfd = '/sys/class/kfd/kfd/topology/nodes';
  const facts = {
    quick: quickSigns(system),
    nodes: system.list('/dev').filter((name) => /^nvidia\d/u.test(name)),
    cards: system.list(cards).map((name) => system.read(`${cards}/${name}/information`)),
    displays: system
      .list(pci)
      .filter((name) => /^0x03/u.test(system.read(`${pci}/${name}/class`) ?? ''))
      .map((name) => [name, system.read(`${pci}/${name}/device`)]),
    amd: system
      .list(kfd)
      .map((node) => /^gfx_target_version.*$/mu.exec(system.read(`${kfd}/${node}/properties`) ?? '')?.[0]),
    wsl: ['libcuda.so.1', 'nvidia-smi'].map((name) => system.identity(`/usr/lib/wsl/lib/${name}`)),
    visible: [env.CUDA_VISIBLE_DEVICES, env.HIP_VISIBLE_DEVICES, env.ROCR_VISIBLE_DEVICES],
    arch: [system.platform, system.arch],
    table: BUILDS,
  };
  return sha256OfText(JSON.stringify(facts)).slice(0, 16);
}

export interface BoxInput {
  readonly places: Places;
  readonly env: NodeJS.ProcessEnv;
  readonly system: System;
  /** Whether `renewBox` stores its decision; the default is true. */
  readonly remember?: boolean;
}

/**
 * The build for a device of this machine: the stored decision while driver and cards are the same, else a new one.
 * @throws EnvironmentError when no build fits, with what to change
 * @throws UsageError for a build that does not exist
 */
export async function boxBuild(input: BoxInput, { torch, device }: BuildWishes): Promise<BoxBuild> {
  const { places, env, system } = input;
  const fingerprint = boxFingerprint(system, env);
  const record = readRecord(places);
  const current = record?.fingerprint === fingerprint ? record : undefined;
  const wanted = torch ?? env.VISIONTRAIN_TORCH ?? current?.chosen ?? undefined;
  const kept = wanted === undefined ? current?.decisions[device ?? 'auto'] : undefined;
  if (kept !== undefined) return { ...kept, fingerprint };
  const decided = settled(chooseBuild(await readSigns(system, env), { torch: wanted, device }));
  if (wanted === undefined)
    remember(places, { fingerprint, chosen: null, decisions: { ...current?.decisions, [device ?? 'auto']: decided } });
  return { ...decided, fingerprint };
}

/**
 * Decides anew and stores the decision, as `visiontrain setup` does. A build that the person named stays until the
 * next set-up.
 */
export async function renewBox(
  input: BoxInput,
  torch: string | undefined,
): Promise<{ box: BoxBuild; signs: CardSigns }> {
  const fingerprint = boxFingerprint(input.system, input.env);
  const signs = await readSigns(input.system, input.env);
  const wanted = torch ?? input.env.VISIONTRAIN_TORCH;
  const decided = settled(chooseBuild(signs, { torch: wanted }));
  if (input.remember === false) return { box: { ...decided, fingerprint }, signs };
  remember(input.places, {
    fingerprint,
    chosen: wanted === undefined ? null : decided.build,
    decisions: wanted === undefined ? { auto: decided } : {},
  });
  return { box: { ...decided, fingerprint }, signs };
}

function settled(decision: BuildDecision): Omit<BoxBuild, 'fingerprint'> {
  if (decision.kind === 'stop')
    throw new EnvironmentError(decision.message, {
      id: 'environment/no-build',
      details: decision.details,
      nextSteps: decision.nextSteps,
    });
  const { build, card, notes } = decision;
  return { build, card: card?.index ?? null, cardName: card?.name ?? null, driver: card?.driver ?? null, notes };
}

function readRecord(places: Places): BoxRecord | undefined {
  try {
    const record = JSON.parse(readFileSync(recordFile(places), 'utf8')) as BoxRecord;
    const known = (build: unknown) => BUILDS.some(({ id }) => id === build);
    const fits = Object.values(record.decisions).every(({ build }) => known(build));
    return fits && (record.chosen === null || known(record.chosen)) ? record : undefined;
  } catch {
    return undefined;
  }
}

/** Stores the decisions. If that fails, the next start decides again. */
function remember(places: Places, record: BoxRecord): void {
  try {
    makeFolder(places.envs, 0o700);
    writeFileAtomic(recordFile(places), `${JSON.stringify(record, null, 1)}\n`);
  } catch {
    // Set-up itself reports why the folder cannot be written to.
  }
}
