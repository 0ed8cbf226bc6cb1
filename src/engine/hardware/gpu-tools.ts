/** Reads the output of the card drivers' tools as graphics cards. Pure. */
import type { Gpu } from './types.ts';

const MIB = 1024 * 1024;

/**
 * Fields that nvidia-smi is asked for. Drivers before 510 do not know the last one and then refuse the whole query.
 */
export const SMI_FIELDS = ['index', 'uuid', 'name', 'memory.total', 'memory.free', 'driver_version', 'compute_cap'];

interface SmiCard {
  readonly uuid: string;
  readonly gpu: Gpu;
}

/**
 * Reads the output of `nvidia-smi --query-gpu=<SMI_FIELDS> --format=csv,noheader,nounits`. The last field may be
 * missing. Rows that are no CUDA card (a neural unit, an error message) are skipped.
 * @param visible CUDA_VISIBLE_DEVICES: the cards that torch will see, in its order
 * @param slices the output of `nvidia-smi -L`, which alone names the slices of a divided card (MIG)
 */
export function parseNvidiaSmi(text: string, visible?: string, slices = ''): readonly Gpu[] {
  const cards = text.split('\n').flatMap((line) => smiCard(line) ?? []);
  if (visible === undefined) return cards.map(({ gpu }) => gpu);
  const parts = migSlices(slices, cards);
  // The list ends, as in CUDA, at the first entry that names no card; torch numbers the listed cards from 0.
  const chosen: Gpu[] = [];
  for (const word of visible.split(',').map((part) => part.trim())) {
    const card = [...cards, ...parts].find(({ uuid, gpu }) =>
      /^\d+$/u.test(word) ? gpu.index === Number(word) : word.length > 4 && uuid.startsWith(word),
    );
    if (card === undefined) break;
    chosen.push({ ...card.gpu, index: chosen.length });
  }
  return chosen;
}

function smiCard(line: string): SmiCard | undefined {
  const cells = line.split(',').map((cell) => cell.trim());
  const [index, uuid = '', name = '', total, free, driver, capability] = cells;
  if (cells.length < 6 || !/^\d+$/u.test(index ?? '') || !/^GPU-/u.test(uuid)) return undefined;
  // A neural unit of an ARM processor is listed too, without a capability.
  if (capability !== undefined && /^\[N\/A\]$/iu.test(capability)) return undefined;
  const gpu: Gpu = {
    vendor: 'nvidia',
    index: Number(index),
    name,
    totalBytes: mebibytes(total),
    freeBytes: mebibytes(free),
    driver: /^\d+\.\d/u.test(driver ?? '') ? (driver ?? null) : null,
    capability: /^\d+\.\d+$/u.test(capability ?? '') ? (capability ?? null) : null,
  };
  return { uuid, gpu };
}

/** Slices as `nvidia-smi -L` lists them below their card. Their memory is known only from their name (`1g.10gb`). */
function migSlices(text: string, cards: readonly SmiCard[]): readonly SmiCard[] {
  let parent: Gpu | undefined;
  return text.split('\n').flatMap((line) => {
    const card = /^GPU (\d+):/u.exec(line);
    if (card !== null) parent = cards.find(({ gpu }) => gpu.index === Number(card[1]))?.gpu;
    const slice = /^\s+MIG (\S+)\s+Device\s+\d+: \(UUID: (MIG-[^)]+)\)/u.exec(line);
    if (slice === null || parent === undefined) return [];
    const [, profile = '', uuid = ''] = slice;
    const size = /\.(\d+)gb/u.exec(profile)?.[1];
    const totalBytes = size === undefined ? null : Number(size) * 1024 * MIB;
    // A slice has no number of its own: CUDA_VISIBLE_DEVICES=0 names the whole card.
    return [
      { uuid, gpu: { ...parent, index: -1, name: `${parent.name} MIG ${profile}`, totalBytes, freeBytes: null } },
    ];
  });
}

/** A number of MiB as bytes; null for `[N/A]`, which cards that share the system's memory report. */
function mebibytes(cell: string | undefined): number | null {
  return cell !== undefined && /^\d+$/u.test(cell) ? Number(cell) * MIB : null;
}

/** Reads the output of `rocm-smi --showproductname --showmeminfo vram --json`. */
export function parseRocmSmi(text: string): readonly Gpu[] {
  let cards: unknown;
  try {
    // The tool prints its warnings before the document.
    cards = JSON.parse(text.slice(Math.max(0, text.indexOf('{'))));
  } catch {
    return [];
  }
  if (typeof cards !== 'object' || cards === null) return [];
  return Object.entries(cards)
    .filter(([key, facts]) => /^card\d+$/u.test(key) && typeof facts === 'object' && facts !== null)
    .map(([, facts], index) => {
      const field = (pattern: RegExp) => Object.entries(facts as object).find(([key]) => pattern.test(key))?.[1];
      const number = (value: unknown) => (/^\d+$/u.test(String(value)) ? Number(value) : null);
      const total = number(field(/^VRAM Total Memory/iu));
      const used = number(field(/^VRAM Total Used/iu));
      const gfx = /^gfx[0-9a-f]+$/u.exec(String(field(/^GFX Version/iu) ?? ''))?.[0];
      return {
        vendor: 'amd',
        index,
        name: String(field(/^Card series/iu) ?? field(/^Card model/iu) ?? 'AMD card'),
        totalBytes: total,
        freeBytes: total === null || used === null ? null : total - used,
        driver: null,
        capability: null,
        ...(gfx === undefined ? {} : { gfx }),
      };
    });
}

/** `gfx_target_version` of the kernel, such as 110000 or 90010, in AMD's notation: gfx1100, gfx90a. */
export function gfxName(version: number): string {
  const [major, minor, step] = [Math.floor(version / 10_000), Math.floor(version / 100) % 100, version % 100];
  return `gfx${major}${minor.toString(16)}${step.toString(16)}`;
}
