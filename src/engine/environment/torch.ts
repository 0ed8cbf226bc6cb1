/** Decides where an environment's build of torch is installed from. */
import { EnvironmentError } from '../../base/errors.ts';
import type { Requirements } from './requirements.ts';
import type { Installer, PackageSource } from './tools/installer.ts';
import type { ToolResult, ToolRun } from './tools/tool.ts';

export interface TorchChoice {
  readonly requirement: string;
  readonly source: PackageSource;
  /** Lock file from which torch is installed instead, with hashes checked. */
  readonly lock?: string;
}

export interface TorchSearch {
  readonly installer: Installer;
  readonly python: string;
  /** File with the versions of the lock, without hashes. */
  readonly constraints: string;
  readonly run: (tool: ToolRun) => Promise<ToolResult>;
}

/**
 * Chooses the source of torch. A build with a lock comes from PyPI by its hashes, unless an index of the person has
 * the same build under its own name (`+cu130`). The CPU build never downloads the gigabytes of CUDA: it comes from the
 * person's own sources when there are any, else from PyTorch's index, and so does ROCm's.
 */
export async function chooseTorch(requirements: Requirements, search: TorchSearch): Promise<TorchChoice> {
  const { torch, build, torchLock, index } = requirements;
  const { installer, python, constraints, run } = search;
  const plain = `torch==${torch}`;
  const named = `${plain}+${build}`;
  if (build === 'native') return { requirement: plain, source: {} };
  if (torchLock !== undefined) {
    const { code, stdout } = await run(installer.resolve(python, named, {}));
    const own = code === 0 && installer.brought(stdout).includes(named);
    return own
      ? { requirement: named, source: { constraints } }
      : { requirement: plain, source: { constraints }, lock: torchLock };
  }
  if (build !== 'cpu') {
    const own = (await run(installer.resolve(python, named, {}))).code === 0;
    return { requirement: named, source: { constraints, ...(own || index === undefined ? {} : { index }) } };
  }
  return cpuTorch(plain, index ?? '', search);
}

async function cpuTorch(plain: string, index: string, { installer, python, run }: TorchSearch): Promise<TorchChoice> {
  const named = `${plain}+cpu`;
  if ((await run(installer.resolve(python, named, {}))).code === 0) return { requirement: named, source: {} };
  const offered = await run(installer.resolve(python, plain, {}));
  if (offered.code === 0 && !installer.brought(offered.stdout).some(isCuda)) return { requirement: plain, source: {} };
  const atPytorch = await run(installer.resolve(python, plain, { index }));
  if (atPytorch.code === 0 && !installer.brought(atPytorch.stdout).some(isCuda))
    return { requirement: plain, source: { index } };
  throw new EnvironmentError(`No CPU build of ${plain.replace('==', ' ')} for this Python could be found.`, {
    id: 'environment/torch',
    details: [
      offered.code === 0
        ? 'Your package index has the CUDA build only, which is of no use without an NVIDIA card.'
        : 'Your package index has none for this Python.',
      `${index} ${atPytorch.code === 0 ? 'has the CUDA build only' : 'cannot be reached or has none'}.`,
    ],
    nextSteps: [
      'Put a CPU wheel of torch into a folder and name it: visiontrain setup --wheels /that/folder',
      'Or use an environment that has it: VISIONTRAIN_PYTHON=/path/to/python',
    ],
  });
}

/** Whether a package requires CUDA, by its own version or by its dependencies. */
function isCuda(requirement: string): boolean {
  if (/extra\s*==/.test(requirement)) return false;
  return /^(nvidia-|cuda-|triton\b|pytorch-triton)/i.test(requirement) || /^torch==[^+;]*\+cu/i.test(requirement);
}
