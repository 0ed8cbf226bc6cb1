/** Compares two LoRA files apart from what they say about themselves: are their weights equal to the bit? */
import { constants } from 'node:fs';
import { sha256OfOpen } from '../../base/files/hash.ts';
import { openOursLater } from '../../base/files/regular-file.ts';
import { readSafetensorsHeader } from '../../registry/checkpoints/safetensors.ts';

export interface ComparedLoras {
  /** Names, shapes, number formats and bytes of all tensors are equal. */
  readonly sameWeights: boolean;
  /** Keys of the files' metadata whose values differ, sorted. */
  readonly metadata: readonly string[];
}

/** @throws {UsageError} when one of them is no safetensors file; the file system's own error when it cannot be read */
export async function compareLoras(first: string, second: string): Promise<ComparedLoras> {
  const [a, b] = [await read(first), await read(second)];
  const keys = [...new Set([...Object.keys(a.metadata), ...Object.keys(b.metadata)])].sort();
  return {
    sameWeights: a.tensors === b.tensors && a.weights === b.weights,
    metadata: keys.filter((key) => a.metadata[key] !== b.metadata[key]),
  };
}

async function read(path: string) {
  // Opened first, because it refuses a link: a run folder may be a stranger's.
  const file = await openOursLater(path, constants.O_RDONLY);
  try {
    const { tensors, metadata, start } = readSafetensorsHeader(path);
    await file.read(Buffer.allocUnsafe(start), 0, start, null);
    return { tensors: JSON.stringify([...tensors].sort()), metadata, weights: await sha256OfOpen(file) };
  } finally {
    await file.close();
  }
}
