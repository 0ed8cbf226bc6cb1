/**
 * Finds out what this machine has from the system and the tools of the card drivers. It starts no Python and never
 * throws.
 */
import { existsSync, readFileSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { dirname, resolve } from 'node:path';
import { execa } from 'execa';
import { packageRoot } from '../../base/package-root.ts';
import { signalGroup } from '../../base/process/group.ts';
import { parseNvidiaSmi, parseRocmSmi } from './gpu-tools.ts';
import type { Gpu } from './types.ts';

export interface DiskSpace {
  /** The path as it was asked for. */
  readonly path: string;
  /** Bytes that this user may still write; null when that cannot be found out. */
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
  readonly disks: readonly DiskSpace[];
}

/** @param paths folders whose disks matter; they need not exist yet */
export async function probeHardware(paths: readonly string[], env: NodeJS.ProcessEnv): Promise<Hardware> {
  const [gpus, disks] = await Promise.all([probeGpus(env), Promise.all(paths.map(diskSpace))]);
  return {
    platform: process.platform,
    cpu: cpus()[0]?.model.trim() ?? 'unknown processor',
    cpuCores: cpuCores(),
    memoryBytes: memoryLimit(),
    gpus,
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

async function probeGpus(env: NodeJS.ProcessEnv): Promise<readonly Gpu[]> {
  if (process.platform === 'darwin') return appleGpu();
  const nvidia = await nvidiaGpus(env);
  return nvidia.length > 0 ? nvidia : amdGpus(env);
}

const FIELDS = 'index,uuid,name,memory.total,memory.free,driver_version,compute_cap';

async function nvidiaGpus(env: NodeJS.ProcessEnv): Promise<readonly Gpu[]> {
  // WSL keeps the tool outside the usual PATH.
  const wsl = '/usr/lib/wsl/lib/nvidia-smi';
  const tool = existsSync(wsl) ? wsl : 'nvidia-smi';
  const text = await output(tool, [`--query-gpu=${FIELDS}`, '--format=csv,noheader,nounits'], env);
  return text === undefined ? [] : parseNvidiaSmi(text, env.CUDA_VISIBLE_DEVICES);
}

async function amdGpus(env: NodeJS.ProcessEnv): Promise<readonly Gpu[]> {
  if (!existsSync('/dev/kfd')) return [];
  const text = await output('rocm-smi', ['--showproductname', '--showmeminfo', 'vram', '--json'], env);
  return text === undefined ? [] : parseRocmSmi(text);
}

/** Apple chips share one memory between processor and graphics. */
function appleGpu(): readonly Gpu[] {
  if (process.arch !== 'arm64') return [];
  const name = cpus()[0]?.model ?? 'Apple';
  return [{ vendor: 'apple', index: 0, name, totalBytes: totalmem(), freeBytes: null, driver: null, capability: null }];
}

const PATIENCE_MS = 5000;
/** Milliseconds after a tool's end within which its output arrives, even if another process still holds the pipe. */
const PIPE_MS = 200;

/**
 * Output of a tool; undefined when the tool is missing, fails, or hangs (as when a driver is being reset). Processes
 * that the tool started are not waited for: one may keep the pipe open, or survive even SIGKILL.
 */
async function output(tool: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const running = execa(tool, args, {
    cwd: packageRoot(),
    env,
    extendEnv: false,
    stdin: 'ignore',
    stderr: 'ignore',
    detached: true,
    buffer: false,
  });
  const child = running.nodeChildProcess;
  let text = '';
  running.stdout.setEncoding('utf8').on('data', (part: string) => {
    if (text.length < 1 << 20) text += part;
  });
  const worked = await new Promise<boolean>((resolve) => {
    const timer = setTimeout(() => resolve(false), PATIENCE_MS);
    child.once('exit', (code) => setTimeout(() => resolve(code === 0), PIPE_MS));
    child.once('close', (code) => resolve(code === 0));
    running.catch(() => resolve(false)).finally(() => clearTimeout(timer));
  });
  try {
    if (child.pid !== undefined && child.exitCode === null) signalGroup(child.pid, 'SIGKILL');
  } catch {
    // A tool that runs as another user cannot be killed, and is left to end by itself.
  }
  running.stdout.destroy();
  child.unref();
  return worked ? text : undefined;
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
