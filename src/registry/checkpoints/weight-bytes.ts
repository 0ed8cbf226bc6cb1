import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { sizeOf } from '../../base/files/disk.ts';
import { statOf } from '../../base/files/stat.ts';

/** Bytes of a model's weights on this disk; undefined when the model is not here yet. */
export function weightBytes(path: string): number | undefined {
  const found = statOf(path);
  if (found === undefined) return undefined;
  if (found.isFile()) return found.size;
  const files = readdirSync(path, { recursive: true, withFileTypes: true });
  const weights = files.filter((file) => file.name.endsWith('.safetensors'));
  // The files may be links, as in the hub's cache, so their targets are measured.
  return weights.reduce((sum, file) => sum + (sizeOf(join(file.parentPath, file.name)) ?? 0), 0);
}
