/** Reads the loss of each image from image-losses.json of a run folder. */
import { join } from 'node:path';
import { readOurs } from '../../base/files/regular-file.ts';
import { imageLossesSchema } from '../events/image-losses.ts';
import { RUN_FILES } from '../run-folder/layout.ts';
import type { ImageLoss } from './types.ts';

/** Most bytes of the file: some hundred thousand images. */
const MOST_BYTES = 64 << 20;

/** The losses, the highest one after training first; null where there is no such file, or a damaged one. */
export function readImageLosses(dir: string): readonly ImageLoss[] | null {
  const bytes = readOurs(join(dir, RUN_FILES.imageLosses), MOST_BYTES);
  if (bytes === undefined) return null;
  const found = imageLossesSchema.safeParse(parsed(bytes));
  if (!found.success) return null;
  const { images, held_out: heldOut } = found.data;
  const all = [...images, ...heldOut.map((image) => ({ ...image, kind: 'held_out' as const }))];
  return all
    .map(({ path, kind, before, after }) => ({ path, kind, before, after }))
    .sort((a, b) => b.after - a.after || (a.path < b.path ? -1 : 1));
}

function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}
