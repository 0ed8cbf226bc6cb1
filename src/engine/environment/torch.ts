/** Decides which build of torch an environment gets, and from which index. */
import { EnvironmentError } from '../../base/errors.ts';
import type { Installer, PackageSource } from './installer.ts';
import type { Requirements } from './requirements.ts';
import type { ToolResult, ToolRun } from './tool.ts';

export interface TorchChoice {
  readonly requirement: string;
  readonly source: PackageSource;
  /** Lock file that torch is installed from instead, with hashes checked. */
  readonly lock?: string;
}

/**
 * Without an NVIDIA card the environment gets the CPU build, never the gigabytes of CUDA: from the person's own sources
 * when they have one, else from PyTorch's index. With a card it gets the build of PyPI and its dependencies, by their
 * hashes. If an index of the person's has a build for another CUDA (named `+cu126` or so), that one is taken, and the
 * other versions stay those of the lock.
 */
export async function chooseTorch(
  { torch, build, cpuIndex, cudaLock }: Requirements,
  {
    installer,
    python,
    constraints,
    run,
  }: {
    readonly installer: Installer;
    readonly python: string;
    /** File with the versions of the lock, without hashes. */
    readonly constraints: string;
    readonly run: (tool: ToolRun) => Promise<ToolResult>;
  },
): Promise<TorchChoice> {
  const plain = `torch==${torch}`;
  if (build === 'cuda') {
    const chosen = { requirement: plain, source: { constraints } };
    if (cudaLock === undefined) return chosen;
    const { code, stdout } = await run(installer.resolve(python, plain, {}));
    const own = code === 0 && installer.brought(stdout).some((name) => name.startsWith(`${plain}+`));
    return own ? chosen : { ...chosen, lock: cudaLock };
  }
  if (build === 'native') return { requirement: plain, source: {} };
  const named = `${plain}+cpu`;
  if ((await run(installer.resolve(python, named, {}))).code === 0) return { requirement: named, source: {} };
  const offered = await run(installer.resolve(python, plain, {}));
  if (offered.code === 0 && !installer.brought(offered.stdout).some(isCuda)) return { requirement: plain, source: {} };
  const atPytorch = await run(installer.resolve(python, plain, { index: cpuIndex }));
  if (atPytorch.code === 0 && !installer.brought(atPytorch.stdout).some(isCuda))
    return { requirement: plain, source: { index: cpuIndex } };
  throw new EnvironmentError(`No CPU build of torch ${torch} for this Python could be found.`, {
    details: [
      offered.code === 0
        ? 'Your package index has the CUDA build only, which is of no use without an NVIDIA card.'
        : 'Your package index has none for this Python.',
      `${cpuIndex} ${atPytorch.code === 0 ? 'has the CUDA build only' : 'cannot be reached or has none'}.`,
    ],
    nextSteps: [
      'Put a CPU wheel of torch into a folder and name it: PIP_FIND_LINKS=/that/folder visiontrain setup',
      'Or use an environment that has it: VISIONTRAIN_PYTHON=/path/to/python',
    ],
  });
}

/** Whether a build is for CUDA, by its own version or by its dependencies. */
function isCuda(requirement: string): boolean {
  if (/extra\s*==/.test(requirement)) return false;
  return /^(nvidia-|cuda-|triton\b|pytorch-triton)/i.test(requirement) || /^torch==[^+;]*\+cu/i.test(requirement);
}
