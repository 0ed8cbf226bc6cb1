/** Output of the card drivers' tools → graphics cards. Pure. */
import type { Gpu } from './types.ts';

const MIB = 1024 * 1024;

/**
 * Reads the output of `nvidia-smi --query-gpu=index,uuid,name,memory.total,memory.free,driver_version,compute_cap
 * --format=csv,noheader,nounits`.
 * @param visible CUDA_VISIBLE_DEVICES: the cards that torch will see, in its order
 */
export function parseNvidiaSmi(text: string, visible?: string): readonly Gpu[] {
  const cards = text.split('\n').flatMap((line) => {
    const cells = line.split(',').map((cell) => cell.trim());
    const [index, uuid = '', name = '', total, free, driver, capability = ''] = cells;
    if (cells.length < 7 || !/^\d+$/u.test(index ?? '')) return [];
    const gpu: Gpu = {
      vendor: 'nvidia',
      index: Number(index),
      name,
      totalBytes: mebibytes(total),
      freeBytes: mebibytes(free),
      driver: driver ?? null,
      capability: /^\d+\.\d+$/u.test(capability) ? capability : null,
    };
    return [{ uuid, gpu }];
  });
  if (visible === undefined) return cards.map(({ gpu }) => gpu);
  // The list ends, as in CUDA, at the first entry that names no card; torch numbers the listed cards from 0.
  const chosen: Gpu[] = [];
  for (const word of visible.split(',').map((part) => part.trim())) {
    const card = cards.find(({ uuid, gpu }) =>
      /^\d+$/u.test(word) ? gpu.index === Number(word) : word.length > 4 && uuid.startsWith(word),
    );
    if (card === undefined) break;
    chosen.push({ ...card.gpu, index: chosen.length });
  }
  return chosen;
}

/** Cards that share the system's memory report `[N/A]`. */
function mebibytes(cell: string | undefined): number | null {
  return cell !== undefined && /^\d+$/u.test(cell) ? Number(cell) * MIB : null;
}

/** Reads the output of `rocm-smi --showproductname --showmeminfo vram --json`. */
export function parseRocmSmi(text: string): readonly Gpu[] {
  let cards: unknown;
  try {
    cards = JSON.parse(text);
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
      return {
        vendor: 'amd',
        index,
        name: String(field(/^Card series/iu) ?? field(/^Card model/iu) ?? 'AMD card'),
        totalBytes: total,
        freeBytes: total === null || used === null ? null : total - used,
        driver: null,
        capability: null,
      };
    });
}
