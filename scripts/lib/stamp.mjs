import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** SHA-256 of everything the bundle is made from: names and contents of src/ and page/, the build script and the lock file. */
export function stampSources(root) {
  const hash = createHash('sha256');
  const files = ['src', 'page']
    .flatMap((house) => readdirSync(join(root, house), { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  for (const file of [...files, join(root, 'scripts/build.mjs'), join(root, 'package-lock.json')].sort()) {
    hash.update(file.slice(root.length)).update('\0').update(readFileSync(file)).update('\0');
  }
  return hash.digest('hex');
}
