/**
 * Finds the graphics cards by several independent signs, so that one tool that is missing, wrong or hanging does not
 * hide a card.
 */
import { cpus, totalmem } from 'node:os';
import type { ToolAnswer } from './ask-tool.ts';
import { askCudaDriver } from './cuda-driver.ts';
import { gfxName, parseNvidiaSmi, parseRocmSmi, SMI_FIELDS } from './gpu-tools.ts';
import type { Access, System } from './system.ts';
import type { Gpu } from './types.ts';

export interface NvidiaSigns {
  readonly smi: ToolAnswer['kind'];
  /** First line of nvidia-smi's output when it listed no cards; empty when it listed cards or printed nothing. */
  readonly message: string;
  /** Version of the kernel's driver; null when none is loaded or the kernel does not tell. */
  readonly kernel: string | null;
  /** The device nodes `/dev/nvidia0` and so on. */
  readonly nodes: Access;
  /** Whether this is WSL2 with a CUDA driver of Windows. */
  readonly wsl: boolean;
  /** Whether a library `libcuda.so.1` is at one of its usual places. */
  readonly libcuda: boolean;
  /** Number of NVIDIA's display controllers on the PCI bus. */
  readonly pci: number;
  /** Whether the free driver nouveau, which cannot compute, has the card. */
  readonly nouveau: boolean;
  /** Cards that the driver lists but CUDA_VISIBLE_DEVICES hides. */
  readonly hidden: number;
}

export interface AmdSigns {
  readonly kfd: Access;
  readonly pci: number;
  readonly smi: ToolAnswer['kind'];
}

export interface CardSigns {
  readonly platform: NodeJS.Platform;
  readonly arch: string;
  /** `ID` of /etc/os-release, such as `ubuntu`; empty when it is not known. */
  readonly distribution: string;
  readonly musl: boolean;
  readonly container: boolean;
  /** Whether the machine is one of NVIDIA's Jetson boards, which have a PyTorch of their own. */
  readonly jetson: boolean;
  /** The cards as torch will number them. */
  readonly cards: readonly Gpu[];
  readonly nvidia: NvidiaSigns;
  readonly amd: AmdSigns;
}

/** Device files that CUDA needs. */
const NODES = /^nvidia\d+$/u;
const LIBRARIES = [
  '/usr/lib/x86_64-linux-gnu/libcuda.so.1',
  '/usr/lib/aarch64-linux-gnu/libcuda.so.1',
  '/usr/lib64/libcuda.so.1',
  '/usr/local/nvidia/lib64/libcuda.so.1',
  '/run/opengl-driver/lib/libcuda.so.1',
];
const WSL_LIBRARY = '/usr/lib/wsl/lib/libcuda.so.1';
const WSL_TOOL = '/usr/lib/wsl/lib/nvidia-smi';

export async function readSigns(system: System, env: NodeJS.ProcessEnv): Promise<CardSigns> {
  const release = system.read('/etc/os-release') ?? '';
  const common = {
    platform: system.platform,
    arch: system.arch,
    distribution: /^ID="?([a-z0-9._-]+)"?$/mu.exec(release)?.[1] ?? '',
    musl: system.list('/lib').some((name) => name.startsWith('ld-musl-')),
    container:
      ['/.dockerenv', '/run/.containerenv'].some((path) => system.identity(path) !== undefined) ||
      /docker|containerd|kubepods|lxc/u.test(system.read('/proc/1/cgroup') ?? ''),
    jetson: system.identity('/etc/nv_tegra_release') !== undefined,
  };
  if (system.platform === 'darwin') return { ...common, cards: appleCard(system), nvidia: NO_NVIDIA, amd: NO_AMD };
  const quick = quickSigns(system);
  const [nvidia, amd] = await Promise.all([askNvidia(system, env, quick), askAmd(system, quick)]);
  return { ...common, cards: nvidia.cards.length > 0 ? nvidia.cards : amd.cards, nvidia: nvidia.signs, amd: amd.signs };
}

const NO_NVIDIA: NvidiaSigns = {
  smi: 'missing',
  message: '',
  kernel: null,
  nodes: 'missing',
  wsl: false,
  libcuda: false,
  pci: 0,
  nouveau: false,
  hidden: 0,
};
const NO_AMD: AmdSigns = { kfd: 'missing', pci: 0, smi: 'missing' };

/** Signs that need only a few small files to be read. */
export interface QuickSigns {
  readonly kernel: string | null;
  readonly nodes: Access;
  readonly wsl: boolean;
  readonly libcuda: boolean;
  readonly kfd: Access;
  readonly pci: { readonly nvidia: number; readonly amd: number };
}

export function quickSigns(system: System): QuickSigns {
  const nodes = system.list('/dev').filter((name) => NODES.test(name));
  const seen = [...nodes, 'nvidiactl'].map((name) => system.access(`/dev/${name}`));
  const denied = nodes.length > 0 && seen.includes('denied');
  return {
    kernel: kernelDriver(system.read('/proc/driver/nvidia/version') ?? ''),
    nodes: nodes.length === 0 ? 'missing' : denied ? 'denied' : 'open',
    wsl: system.access('/dev/dxg') !== 'missing' && system.identity(WSL_LIBRARY) !== undefined,
    libcuda: [...LIBRARIES, WSL_LIBRARY].some((path) => system.identity(path) !== undefined),
    kfd: system.access('/dev/kfd'),
    pci: displayControllers(system),
  };
}

/**
 * The driver version in the kernel's text: `NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06
 * Release Build …` → `580.65.06`.
 */
const kernelDriver = (text: string): string | null =>
  /^NVRM version:.*?\s(\d{3}\.\d+(?:\.\d+)?)\s/mu.exec(text)?.[1] ?? null;

function displayControllers(system: System): QuickSigns['pci'] {
  const count = { nvidia: 0, amd: 0 };
  for (const name of system.list('/sys/bus/pci/devices')) {
    const at = `/sys/bus/pci/devices/${name}`;
    // Class 0x03 is a display controller. The sound output of a card is a device of its own, with another class.
    if (!/^0x03/u.test(system.read(`${at}/class`) ?? '')) continue;
    const vendor = (system.read(`${at}/vendor`) ?? '').trim();
    if (vendor === '0x10de') count.nvidia += 1;
    if (vendor === '0x1002') count.amd += 1;
  }
  return count;
}

/** Whether any sign suggests an NVIDIA card. Without one, no tool has to be run. */
const anyNvidia = (q: QuickSigns): boolean =>
  q.kernel !== null || q.nodes !== 'missing' || q.wsl || q.libcuda || q.pci.nvidia > 0;

async function askNvidia(
  system: System,
  env: NodeJS.ProcessEnv,
  quick: QuickSigns,
): Promise<{ cards: readonly Gpu[]; signs: NvidiaSigns }> {
  const visible = env.CUDA_VISIBLE_DEVICES;
  const tool = system.identity(WSL_TOOL) === undefined ? 'nvidia-smi' : WSL_TOOL;
  const answer = await askSmi(system, tool);
  const text = 'text' in answer ? answer.text : '';
  const slices = /MIG-/u.test(visible ?? '') ? await system.tool(tool, ['-L']) : undefined;
  const listed = slices?.kind === 'answered' ? slices.text : '';
  const all = answer.kind === 'answered' ? parseNvidiaSmi(text) : [];
  let cards = answer.kind === 'answered' ? parseNvidiaSmi(text, visible, listed) : [];
  // The library is asked where the tool is missing, or lists no card although one can be opened.
  if (all.length === 0 && answer.kind !== 'hangs' && anyNvidia(quick) && quick.nodes !== 'denied')
    cards = await askCudaDriver(system, quick.kernel);
  const { pci, kfd: _, ...rest } = quick;
  return {
    // When the tool is too old to report the capability, the library is asked too.
    cards: cards.some(({ capability }) => capability === null) ? await completed(system, cards, quick) : cards,
    signs: {
      ...rest,
      smi: answer.kind,
      message: all.length > 0 ? '' : firstLine(text),
      pci: pci.nvidia,
      nouveau: system.list('/sys/module').includes('nouveau'),
      hidden: all.length > 0 && cards.length === 0 ? all.length : 0,
    },
  };
}

async function askSmi(system: System, tool: string): Promise<ToolAnswer> {
  const ask = (fields: readonly string[]) =>
    system.tool(tool, [`--query-gpu=${fields.join(',')}`, '--format=csv,noheader,nounits']);
  const answer = await ask(SMI_FIELDS);
  const unknown = answer.kind === 'failed' && /not a valid field|is not recognized|Field "/iu.test(answer.text);
  return unknown ? ask(SMI_FIELDS.slice(0, -1)) : answer;
}

async function completed(system: System, cards: readonly Gpu[], { kernel }: QuickSigns): Promise<readonly Gpu[]> {
  const driverCards = await askCudaDriver(system, kernel);
  return cards.map((card) => ({ ...card, capability: card.capability ?? driverCards[card.index]?.capability ?? null }));
}

const firstLine = (text: string): string =>
  text
    .split('\n')
    .map((line) => line.trim())
    .find((line) => line !== '') ?? '';

async function askAmd(system: System, { kfd, pci }: QuickSigns): Promise<{ cards: readonly Gpu[]; signs: AmdSigns }> {
  if (kfd === 'missing') return { cards: [], signs: { kfd, pci: pci.amd, smi: 'missing' } };
  const answer = await system.tool('rocm-smi', ['--showproductname', '--showmeminfo', 'vram', '--json']);
  const toolCards = answer.kind === 'answered' ? parseRocmSmi(answer.text) : [];
  const nodes = amdNodes(system);
  const cards = toolCards.length > 0 ? toolCards.map((card, n) => ({ ...nodes[n], ...card })) : nodes;
  return { cards: kfd === 'open' ? cards : [], signs: { kfd, pci: pci.amd, smi: answer.kind } };
}

/** The cards as the kernel lists them; nodes without an architecture are processors. */
function amdNodes(system: System): readonly Gpu[] {
  const at = '/sys/class/kfd/kfd/topology/nodes';
  const versions = [...system.list(at)]
    .sort((a, b) => Number(a) - Number(b))
    .map((node) => Number(/^gfx_target_version (\d+)$/mu.exec(system.read(`${at}/${node}/properties`) ?? '')?.[1] ?? 0))
    .filter((version) => version > 0);
  const memory = system
    .list('/sys/class/drm')
    .filter((name) => /^card\d+$/u.test(name))
    .flatMap((name) => {
      const size = (what: string) =>
        Number(system.read(`/sys/class/drm/${name}/device/mem_info_vram_${what}`) ?? Number.NaN);
      return Number.isFinite(size('total')) ? [{ total: size('total'), free: size('total') - size('used') }] : [];
    });
  return versions.map((version, index) => ({
    vendor: 'amd',
    index,
    name: `AMD card (${gfxName(version)})`,
    totalBytes: memory[index]?.total ?? null,
    freeBytes: memory[index]?.free ?? null,
    driver: null,
    capability: null,
    gfx: gfxName(version),
  }));
}

/** The graphics unit of an Apple chip, which shares its memory with the processor. */
function appleCard({ arch }: System): readonly Gpu[] {
  if (arch !== 'arm64') return [];
  const name = cpus()[0]?.model ?? 'Apple';
  return [{ vendor: 'apple', index: 0, name, totalBytes: totalmem(), freeBytes: null, driver: null, capability: null }];
}
