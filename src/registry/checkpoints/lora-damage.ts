/** What is wrong with a LoRA file by its header alone: sizes that disagree, and layers that no reader can compute. */
import { DOWN, ENDING } from './lora-modules.ts';
import type { SafetensorsHeader, TensorFacts } from './safetensors.ts';

/** Bytes of a number, by the type's name in safetensors files. */
export const WIDTHS_OF: Readonly<Record<string, number>> = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  F8_E4M3: 1,
  F8_E5M2: 1,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
};

const size = (shape: readonly number[]): number => shape.reduce((product, side) => product * side, 1);

/** Names of tensors whose shape and byte range disagree: a reader takes one tensor's bytes for another's. */
export function lyingTensors({ tensors }: SafetensorsHeader): readonly string[] {
  const lies = ({ dtype, shape, offsets: [from, to] }: TensorFacts) => {
    const width = WIDTHS_OF[dtype];
    return width === undefined || from > to || size(shape) * width !== to - from;
  };
  return [...tensors].filter(([, facts]) => lies(facts)).map(([name]) => name);
}

/** Names of tensors that begin before another one ends. */
export function overlappingTensors({ tensors }: SafetensorsHeader): readonly string[] {
  const sorted = [...tensors].sort((a, b) => a[1].offsets[0] - b[1].offsets[0]);
  return sorted
    .filter(([, { offsets }], i) => i > 0 && offsets[0] < (sorted[i - 1]?.[1].offsets[1] ?? 0))
    .map(([name]) => name);
}

/** Says what is wrong with a file, as the end of a sentence; undefined for one whose weights can be read. */
export function loraDamage(header: SafetensorsHeader): string | undefined {
  const { tensors } = header;
  const [lying] = lyingTensors(header);
  if (lying !== undefined) return `its header lies about the size of ${lying}`;
  const [overlapping] = overlappingTensors(header);
  if (overlapping !== undefined) return `${overlapping} lies over another tensor`;
  const several = [...tensors].find(([name, { shape }]) => name.endsWith('.alpha') && size(shape) !== 1);
  if (several !== undefined) return `${several[0]} has ${size(several[1].shape)} numbers; one is right`;
  for (const [module, { down, up }] of halvesOf(header)) {
    if (down === undefined || up === undefined) return `one half of ${module} is missing`;
    if (down[0] === 0 || down.length === 0) return `${module} has the rank 0`;
    const isTucker = tensors.has(`${module}.lora_mid.weight`);
    if (!isTucker && down[0] !== up[1]) return `${module} has the ranks ${down[0]} and ${up[1] ?? 0}`;
  }
  return undefined;
}

/** Shapes of the two halves of each layer of a LoRA, by the module's name in the file. */
function halvesOf({ tensors }: SafetensorsHeader): Map<string, { down?: readonly number[]; up?: readonly number[] }> {
  const found = new Map<string, { down?: readonly number[]; up?: readonly number[] }>();
  for (const [name, { shape }] of tensors) {
    if (!ENDING.test(name)) continue;
    const module = name.replace(ENDING, '');
    found.set(module, { ...found.get(module), [DOWN.test(name) ? 'down' : 'up']: shape });
  }
  return found;
}
