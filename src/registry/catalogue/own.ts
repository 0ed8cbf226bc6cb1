/** Writes and removes the person's own entries, one YAML file each. */
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { CORE_SCHEMA, dump, load as parseYaml } from 'js-yaml';
import type { z } from 'zod';
import { UsageError } from '../../base/errors.ts';
import { writeFileAtomic } from '../../base/files/atomic.ts';
import { makePrivateFolder } from '../../base/files/private-folder.ts';
import { readGiven } from '../../base/files/regular-file.ts';
import { checkRegistryDocument, ownModelsDir, readRegistryFile } from './load.ts';
import { type AssetEntry, type baseFileEntrySchema, REGISTRY_VERSION } from './schema.ts';

export type OwnEntry = z.input<typeof baseFileEntrySchema> & { companions?: string };

/** Writes an entry as `models/<id>.yaml` in the person's config folder; returns the path of the file. */
export function writeOwnEntry(configDir: string, entry: OwnEntry): string {
  const folder = ownModelsDir(configDir);
  const path = join(folder, `${entry.id}.yaml`);
  if (existsSync(path))
    throw new UsageError(`There is an entry ${entry.id} already.`, {
      id: 'model/id-taken',
      nextSteps: [`Give another name with --id, or remove it: visiontrain models rm ${entry.id}`],
    });
  const document = { version: REGISTRY_VERSION, models: [entry] };
  // The entry is checked before it is written: a file with a mistake would stop every command that reads the registry.
  checkRegistryDocument(document, path);
  makePrivateFolder(folder);
  writeFileAtomic(
    path,
    `# Added by visiontrain models add; may be edited.\n${dump(document, { lineWidth: 110 })}`,
    0o600,
  );
  return path;
}

/** Writes an entry that is no base model; an entry of the same id is replaced. */
export function writeOwnAsset(configDir: string, { added_in: _, ...entry }: AssetEntry): void {
  const folder = ownModelsDir(configDir);
  const path = join(folder, `${entry.id}.yaml`);
  const document = { version: REGISTRY_VERSION, assets: [entry] };
  checkRegistryDocument(document, path);
  makePrivateFolder(folder);
  const words = '# Written by visiontrain when it first used this model, with its small files pinned. May be removed.';
  writeFileAtomic(path, `${words}\n${dump(document, { lineWidth: 110 })}`, 0o600);
}

/** Removes an entry from a file of the person's own. The file is deleted when nothing else is in it. */
export function removeOwnEntry(path: string, id: string): void {
  const document = parseYaml(readGiven(path, 4 << 20).toString('utf8'), { schema: CORE_SCHEMA }) as Record<
    string,
    unknown[]
  >;
  const file = readRegistryFile(path);
  const others =
    file.models.length +
    file.assets.length -
    1 +
    Object.keys(file.recipe_sets).length +
    Object.keys(file.companion_sets).length;
  if (others <= 0) {
    rmSync(path);
    return;
  }
  for (const key of ['models', 'assets'])
    if (document[key] !== undefined)
      document[key] = document[key].filter((entry) => (entry as { id?: string }).id !== id);
  writeFileAtomic(path, dump(document, { lineWidth: 110 }), 0o600);
}
