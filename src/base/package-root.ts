import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * Folder of the installed package, which holds `presets/`, `trainer/` and `dist/`. It is found from source and from the
 * bundle.
 */
export function packageRoot(): string {
  root ??= foundRoot();
  return root;
}

/** Kept, because the file that shows it is gone for a moment while the package is updated. */
let root: string | undefined;

function foundRoot(): string {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, 'package.json'))) {
    if (folder === dirname(folder)) return dirname(import.meta.dirname);
    folder = dirname(folder);
  }
  return folder;
}

export function packageVersion(): string {
  const { version } = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as { version: string };
  return version;
}
