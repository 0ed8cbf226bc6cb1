/** The folder of an unpacked bundle: it is made once, and used again as long as it is unchanged. */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolder } from '../../base/files/folder.ts';
import { sha256OfBytes, sha256OfText } from '../../base/files/hash.ts';
import { makePrivateFolder } from '../../base/files/private-folder.ts';
import type { Places } from '../../base/paths.ts';
import { takeImages } from './images.ts';
import { BUNDLE_FILES, type BundleManifest, DATA_FOLDERS } from './manifest.ts';
import { unpackBundle } from './unpack.ts';

/**
 * The folder with the files of a bundle, images included.
 * @param pictures folder with the images, for a bundle without them
 * @throws UsageError like `unpackBundle` and `takeImages`
 */
export async function bundleFolder(
  path: string,
  manifest: BundleManifest,
  { places, images }: { readonly places: Places; readonly images: string | undefined },
): Promise<string> {
  const text = JSON.stringify(manifest);
  const all = join(places.home, 'bundles');
  makePrivateFolder(all);
  const id = sha256OfText(text).slice(0, 12);
  for (let copy = 1; ; copy += 1) {
    const dir = join(all, `${manifest.name}-${id}${copy === 1 ? '' : `-${copy}`}`);
    if (existsSync(dir)) {
      if (isAsUnpacked(dir, manifest, text)) return dir;
      continue;
    }
    const temporary = join(all, `.${id}-${process.pid}`);
    rmSync(temporary, { recursive: true, force: true });
    mkdirSync(temporary, { mode: 0o700 });
    try {
      const unpacked = await unpackBundle(path, temporary);
      if (!manifest.images.inside && images !== undefined) await takeImages(unpacked, images, temporary);
      makeFolder(join(temporary, DATA_FOLDERS.images), 0o700);
      writeFileSync(join(temporary, BUNDLE_FILES.manifest), text, { mode: 0o600 });
      renameSync(temporary, dir);
      return dir;
    } catch (error) {
      rmSync(temporary, { recursive: true, force: true });
      throw error;
    }
  }
}

/** Whether the settings there are those of the bundle. Images are hashed before training anyway. */
function isAsUnpacked(dir: string, { files }: BundleManifest, text: string): boolean {
  try {
    if (readFileSync(join(dir, BUNDLE_FILES.manifest), 'utf8') !== text) return false;
    return [BUNDLE_FILES.spec, BUNDLE_FILES.plan].every((name) => {
      const sha256 = sha256OfBytes(readFileSync(join(dir, name)));
      return files.some((file) => file.path === name && file.sha256 === sha256);
    });
  } catch {
    return false;
  }
}
