/** Resolves the LoRA files of `model.merge_loras`: checks their headers, and identifies them by content. */

import { resolve } from 'node:path';
import { sha256OfFile } from '../../base/files/hash.ts';
import { checkMergedLora } from '../../registry/checkpoints/lora-uses.ts';
import type { RunSpec } from '../../spec/schema.ts';
import type { Plan } from '../plan/schema.ts';

/**
 * The files with absolute paths.
 * @throws {UsageError} for a file that is missing or cannot be merged into this base
 */
export async function mergedLoras(
  { merge_loras: loras, family }: RunSpec['model'],
  dir: string,
  signal: AbortSignal | undefined,
): Promise<Plan['model']['merge_loras']> {
  const found: Plan['model']['merge_loras'] = [];
  for (const { path: given, strength } of loras) {
    const path = resolve(dir, given);
    checkMergedLora(path, family);
    found.push({ path, sha256: await sha256OfFile(path, undefined, signal), strength });
  }
  return found;
}
