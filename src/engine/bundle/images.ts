/** Finds the images of a bundle in a folder, by their content, and copies them to where the bundle expects them. */
import { constants, copyFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { UsageError } from '../../base/errors.ts';
import { checkRoom, sizeOf } from '../../base/files/disk.ts';
import { makeFolder } from '../../base/files/folder.ts';
import { sha256OfFile } from '../../base/files/hash.ts';
import { plural } from '../../base/text.ts';
import { walkFolder } from '../dataset/walk.ts';
import type { BundledFile, BundleManifest } from './manifest.ts';

/** Most missing images that are named. */
const NAMED = 10;

/**
 * Copies the images.
 * @param from folder with the images, under any names; nothing in it is changed
 * @param dir folder of the unpacked bundle
 * @throws UsageError that names the images that were not found
 */
export async function takeImages(manifest: BundleManifest, from: string, dir: string): Promise<void> {
  const wanted = manifest.images.files;
  checkRoom(
    dir,
    wanted.reduce((sum, { bytes }) => sum + bytes, 0),
    'the pictures',
  );
  const found = await byHash(wanted, from);
  const missing = wanted.filter(({ sha256 }) => !found.has(sha256));
  if (missing.length > 0) throw lacking(missing, wanted.length, from);
  for (const { path, sha256 } of wanted) {
    const to = join(dir, ...path.split('/'));
    makeFolder(dirname(to), 0o700);
    copyFileSync(found.get(sha256) ?? '', to, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
    // The copy is hashed again, because the folder may have changed since it was searched.
    if ((await sha256OfFile(to)) !== sha256) throw lacking([{ path, sha256, bytes: 0 }], wanted.length, from);
  }
}

/** Paths of files by their SHA-256. Only files with the size of a wanted one are read. */
async function byHash(wanted: readonly BundledFile[], from: string): Promise<ReadonlyMap<string, string>> {
  const sizes = new Set(wanted.map(({ bytes }) => bytes));
  const left = new Set(wanted.map(({ sha256 }) => sha256));
  const found = new Map<string, string>();
  for (const { path, files } of walkFolder(from).folders)
    for (const name of files) {
      if (left.size === 0) return found;
      const full = join(from, path, name);
      if (!sizes.has(sizeOf(full) ?? -1)) continue;
      const sha256 = await sha256OfFile(full).catch(() => undefined);
      if (sha256 === undefined || !left.delete(sha256)) continue;
      found.set(sha256, full);
    }
  return found;
}

const lacking = (missing: readonly BundledFile[], all: number, from: string) =>
  new UsageError(`${from} lacks ${missing.length} of the ${plural(all, 'picture')} that this bundle was trained on.`, {
    id: 'bundle/pictures',
    details: [
      ...missing.slice(0, NAMED).map(({ path, sha256 }) => `${path}  SHA-256 ${sha256.slice(0, 12)}…`),
      ...(missing.length > NAMED ? [`and ${missing.length - NAMED} more`] : []),
    ],
    nextSteps: ['They are found by what is in them: a picture that was saved anew is another one.'],
  });
