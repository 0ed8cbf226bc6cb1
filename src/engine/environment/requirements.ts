import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../base/package-root.ts';

/** `cuda` on a machine with an NVIDIA card, else `cpu` on Linux, and `native` where PyPI has only one build (macOS). */
export type TorchBuild = 'cuda' | 'cpu' | 'native';

/** What an environment consists of. */
export interface Requirements {
  /** Lock file with hashes for everything but torch. */
  readonly lock: string;
  /** Version of torch, without the suffix of a build. */
  readonly torch: string;
  readonly build: TorchBuild;
  /** Lock file with hashes for torch with CUDA and its dependencies. */
  readonly cudaLock?: string;
  /** Index with CPU builds of torch, used when the person's own sources have none. */
  readonly cpuIndex: string;
  /** Bytes of disk that are needed while the environment is made. */
  readonly bytes: number;
}

const TORCH = '2.13.0';

/** What this version of visiontrain needs on this machine. */
export function packageRequirements(): Requirements {
  const build = torchBuild();
  return {
    lock: join(packageRoot(), 'trainer', 'requirements', 'requirements.lock'),
    torch: TORCH,
    build,
    cudaLock: join(packageRoot(), 'trainer', 'requirements', 'cuda.lock'),
    cpuIndex: 'https://download.pytorch.org/whl/cpu',
    // Measured: for the CPU 1.3 GB installed and 0.5 GB of downloads; the CUDA build unpacks to about 7 GB.
    bytes: build === 'cuda' ? 12e9 : 2.5e9,
  };
}

/**
 * Which build this machine needs. The kernel is asked and not nvidia-smi, which takes a second, because this runs
 * before every start.
 */
function torchBuild(): TorchBuild {
  if (process.platform !== 'linux') return 'native';
  // The second path is that of WSL2, whose driver is part of Windows.
  const driver = ['/proc/driver/nvidia/version', '/usr/lib/wsl/lib/libcuda.so.1'];
  return driver.some((path) => existsSync(path)) ? 'cuda' : 'cpu';
}

/** Name of the environment's folder. Another lock, torch or build gives another environment. */
export function environmentKey({ lock, torch, build, cudaLock }: Requirements): string {
  const hash = createHash('sha256').update(readFileSync(lock)).update(`\0torch==${torch}\0${build}`);
  if (build === 'cuda' && cudaLock !== undefined) hash.update(readFileSync(cudaLock));
  return `${hash.digest('hex').slice(0, 16)}-${build}`;
}
