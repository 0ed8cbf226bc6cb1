/**
 * Finds out the hardware of this machine from the system and the tools of the card drivers. It starts no Python and
 * never throws.
 */
import { existsSync, readFileSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { dirname, resolve } from 'node:path';
import { readSigns } from './signals.ts';
import { thisSystem } from './system.ts';
import { cardTrouble } from './trouble.ts';
import type { Gpu } from './types.ts';

export interface DiskSpace {
  /** The path as it was asked for. */
  readonly path: string;
  /** Bytes that this user may still write; null when unknown. */
  readonly freeBytes: number | null;
}

export interface Hardware {
  readonly platform: NodeJS.Platform;
  readonly cpu: string;
  /** Cores that this process may use, within the limits of its container; at least 1. */
  readonly cpuCores: number;
  /** Bytes of memory that this process may use, within the limits of its container. */
  readonly memoryBytes: number;
  readonly gpus: readonly Gpu[];
  /** Why a card that is present cannot be used, in a sentence; missing when nothing is wrong. */
  readonly cardTrouble?: string;
  readonly disks: readonly DiskSpace[];
}

/**
 * Finds out the hardware.
 * @param paths folders whose disks matter; they need not exist yet
 */
export async function probeHardware(paths: readonly string[], env: NodeJS.ProcessEnv): Promise<Hardware> {
  const [signs, disks] = await Promise.all([readSigns(thisSystem(env), env), Promise.all(paths.map(diskSpace))]);
  const trouble = cardTrouble(signs)?.message;
  return {
    ...(trouble === undefined ? {} : { cardTrouble: trouble }),
    platform: process.platform,
    cpu: cpus()[0]?.model.trim() ?? 'unknown processor',
    cpuCores: cpuCores(),
    memoryBytes: memoryLimit(),
    gpus: signs.cards,
    disks,
  };
}

/** Whole cores of the narrowest limit: affinity (which Node honours), cgroup v2, cgroup v1. */
function cpuCores(): number {
  const quota = readNumbers('/sys/fs/cgroup/cpu.max') ?? [
    ...(readNumbers('/sys/fs/cgroup/cpu/cpu.cfs_quota_us') ?? []),
    ...(readNumbers('/sys/fs/cgroup/cpu/cpu.cfs_period_us') ?? []),
  ];
  const [allowed = 0, period = 0] = quota;
  const limit = allowed > 0 && period > 0 ? Math.ceil(allowed / period) : Number.POSITIVE_INFINITY;
  return Math.max(1, Math.min(availableParallelism(), limit));
}

function memoryLimit(): number {
  const limits = ['/sys/fs/cgroup/memory.max', '/sys/fs/cgroup/memory/memory.limit_in_bytes'].flatMap(
    (path) => readNumbers(path)?.slice(0, 1) ?? [],
  );
  return Math.min(totalmem(), ...limits.filter((bytes) => bytes > 0));
}

/** Numbers in a one-line file; undefined when the file is missing or says `max`. */
function readNumbers(path: string): number[] | undefined {
  try {
    const words = readFileSync(path, 'utf8').trim().split(/\s+/u);
    return words[0] === 'max' ? undefined : words.map(Number).filter(Number.isFinite);
  } catch {
    return undefined;
  }
}

/** Free space on the disk where the folder is, or will be. */
async function diskSpace(path: string): Promise<DiskSpace> {
  let existing = resolve(path);
  while (!existsSync(existing) && dirname(existing) !== existing) existing = dirname(existing);
  try {
    const { bavail, bsize } = await statfs(existing);
    return { path, freeBytes: bavail * bsize };
  } catch {
    return { path, freeBytes: null };
  }
}
