import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../base/package-root.ts';

/** `cuda` where an NVIDIA card is, `cpu` elsewhere on Linux, `native` where PyPI has only one build (macOS). */
export type TorchBuild = 'cuda' | 'cpu' | 'native';

/** What an environment is made of. */
export interface Requirements {
  /** Lock file with hashes: everything but torch. */
  readonly lock: string;
  /** Version of torch, without a build's own suffix. */
  readonly torch: string;
  readonly build: TorchBuild;
  /** Lock file with hashes of torch for CUDA and all it asks for. */
  readonly cudaLock?: string;
  /** Index with CPU builds of torch, for when the person's own sources have none. */
  readonly cpuIndex: string;
  /** Bytes of disk the whole needs while it is made. */
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
    // Measured 1.3 GB installed and 0.5 GB of downloads for the CPU; the CUDA build unpacks to about 7 GB.
    bytes: build === 'cuda' ? 12e9 : 2.5e9,
  };
}

/** Asked of the kernel and not of nvidia-smi, which takes a second: this runs before every start. */
function torchBuild(): TorchBuild {
  if (process.platform !== 'linux') return 'native';
  // The second is WSL2's, whose driver lives in Windows.
  const driver = ['/proc/driver/nvidia/version', '/usr/lib/wsl/lib/libcuda.so.1'];
  return driver.some((path) => existsSync(path)) ? 'cuda' : 'cpu';
}

/** Name of the environment's folder: another lock, torch or build is another environment. */
export function environmentKey({ lock, torch, build, cudaLock }: Requirements): string {
  const hash = createHash('sha256').update(readFileSync(lock)).update(`\0torch==${torch}\0${build}`);
  if (build === 'cuda' && cudaLock !== undefined) hash.update(readFileSync(cudaLock));
  return `${hash.digest('hex').slice(0, 16)}-${build}`;
}
