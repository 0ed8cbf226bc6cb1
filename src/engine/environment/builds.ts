/** The builds of torch that set-up can choose from: a table of facts, each with its source. */

export type TorchBuild = 'cu130' | 'cu128' | 'cu126' | 'rocm7.2' | 'cpu' | 'native';

export interface BuildFacts {
  readonly id: TorchBuild;
  /** Version of torch, without the suffix of a build. */
  readonly torch: string;
  /** What it computes on, in words for people. */
  readonly title: string;
  readonly vendor: 'nvidia' | 'amd' | null;
  /** Processors that the index has wheels for, in Node's words. */
  readonly archs: readonly string[];
  /** Newest minor version of Python 3 that the index has wheels for. */
  readonly newestPython: number;
  /** Compute capabilities whose machine code is in the wheel. It runs on later minor versions of the same major one. */
  readonly capabilities: readonly string[];
  /** Least driver by the first digit of the compute capability; `any` for all others. */
  readonly drivers: Readonly<Record<string, number>> & { readonly any: number };
  /** AMD architectures whose machine code is in the wheel. */
  readonly gfx: readonly string[];
  /**
   * Lock file in trainer/requirements with torch and all its dependencies; undefined where the index publishes no
   * hashes.
   */
  readonly lock?: string;
  /** Index that has the build; undefined for PyPI and its mirrors. */
  readonly index?: string;
  /** Bytes of downloads, and bytes of disk needed while the environment is made. */
  readonly downloadBytes: number;
  readonly diskBytes: number;
}

const PYTORCH = 'https://download.pytorch.org/whl';

/*
 * Where the facts are from:
 * - capabilities: read from the wheels themselves (`torch._C._cuda_getArchFlags()`, the string in their libraries);
 *   they agree with pytorch/pytorch .ci/manywheel/build_cuda.sh at the tags.
 * - drivers: NVIDIA's rule of minor versions (docs.nvidia.com/deploy/cuda-compatibility: 12.x from 525 on, 13.x from 580
 *   on), raised to 550 for CUDA 12 because torch's kernels are compressed in a way that older drivers cannot read
 *   (pytorch/pytorch#157791, #161316), and to 570 for Blackwell, which no older driver knows.
 * - which torch has which CUDA on PyPI: the requirements of the wheels (2.7.1 asks for CUDA 12.6.77, 2.10.0 for 12.8.93,
 *   2.13.0 for 13.0.3). Torch 2.10 is the last one on PyPI for Volta, 2.7 the last one for Pascal and Maxwell.
 * - ROCm: pytorch/test-infra#8451 (7.1 and 7.2 until torch 2.14); its architectures: unslothai/unsloth#9829 (gfx1031 to
 *   gfx1036 and gfx1103 have no kernels), #7354 (gfx906 has none since 6.4).
 * - bytes: measured for cpu and cu126; the others are added up from the sizes that PyPI lists.
 */
export const BUILDS: readonly BuildFacts[] = [
  {
    id: 'cu130',
    torch: '2.13.0',
    title: 'NVIDIA, CUDA 13.0',
    vendor: 'nvidia',
    archs: ['x64', 'arm64'],
    newestPython: 14,
    capabilities: ['7.5', '8.0', '8.6', '9.0', '10.0', '12.0'],
    drivers: { any: 580 },
    gfx: [],
    lock: 'cu130.lock',
    downloadBytes: 2.3e9,
    diskBytes: 9e9,
  },
  {
    id: 'cu128',
    torch: '2.10.0',
    title: 'NVIDIA, CUDA 12.8',
    vendor: 'nvidia',
    archs: ['x64'],
    newestPython: 14,
    capabilities: ['7.0', '7.5', '8.0', '8.6', '9.0', '10.0', '12.0'],
    drivers: { any: 550, '10': 570, '12': 570 },
    gfx: [],
    lock: 'cu128.lock',
    downloadBytes: 3.2e9,
    diskBytes: 12e9,
  },
  {
    id: 'cu126',
    torch: '2.7.1',
    title: 'NVIDIA, CUDA 12.6, for cards from GTX 900 on',
    vendor: 'nvidia',
    archs: ['x64'],
    newestPython: 13,
    capabilities: ['5.0', '6.0', '7.0', '7.5', '8.0', '8.6', '9.0'],
    drivers: { any: 550 },
    gfx: [],
    lock: 'cu126.lock',
    downloadBytes: 3e9,
    diskBytes: 11e9,
  },
  {
    id: 'rocm7.2',
    torch: '2.13.0',
    title: 'AMD, ROCm 7.2',
    vendor: 'amd',
    archs: ['x64'],
    newestPython: 14,
    capabilities: [],
    drivers: { any: 0 },
    gfx: [
      ...['gfx908', 'gfx90a', 'gfx942', 'gfx950', 'gfx1030', 'gfx1100', 'gfx1101', 'gfx1102'],
      ...['gfx1150', 'gfx1151', 'gfx1200', 'gfx1201'],
    ],
    index: `${PYTORCH}/rocm7.2`,
    downloadBytes: 5e9,
    diskBytes: 25e9,
  },
  {
    id: 'cpu',
    torch: '2.13.0',
    title: 'processor only',
    vendor: null,
    archs: ['x64', 'arm64'],
    newestPython: 14,
    capabilities: [],
    drivers: { any: 0 },
    gfx: [],
    index: `${PYTORCH}/cpu`,
    downloadBytes: 0.5e9,
    diskBytes: 2.5e9,
  },
  {
    id: 'native',
    torch: '2.13.0',
    title: 'macOS',
    vendor: null,
    archs: ['arm64'],
    newestPython: 14,
    capabilities: [],
    drivers: { any: 0 },
    gfx: [],
    downloadBytes: 0.4e9,
    diskBytes: 2.5e9,
  },
];

export const buildFacts = (id: TorchBuild): BuildFacts => BUILDS.find((build) => build.id === id) as BuildFacts;

/** Whether the wheel holds machine code for a compute capability. */
export function servesCapability({ capabilities }: BuildFacts, capability: string): boolean {
  const [major, minor] = capability.split('.').map(Number);
  return capabilities.some((own) => {
    const [ownMajor, ownMinor = 0] = own.split('.').map(Number);
    return ownMajor === major && ownMinor <= (minor ?? 0);
  });
}

/** First part of the version of the least driver with which a build works on a card. */
export const leastDriver = ({ drivers }: BuildFacts, capability: string): number =>
  drivers[capability.split('.')[0] ?? ''] ?? drivers.any;
