/**
 * Finds where a model is on this machine, and which of its files are missing. Only file sizes are compared: a file
 * gets its final name only after its hash has been verified.
 */
import { dirname, join } from 'node:path';
import { statOf } from '../../base/files/stat.ts';
import { packageRoot } from '../../base/package-root.ts';
import type { Places } from '../../base/paths.ts';
import type { AnyEntry, ModelFile } from './schema.ts';

export interface LocatedModel {
  /** The weights file of a single-file checkpoint, else the model's folder. */
  readonly path: string;
  /** Folder in diffusers layout that holds the configuration and tokenizers of a single-file checkpoint. */
  readonly configDir: string | null;
  /** Whether every needed file is there. */
  readonly ready: boolean;
  readonly missing: ModelFile[];
}

/** Sub-folder of a model's folder that holds the companion files of a single-file checkpoint. */
const CONFIG_FOLDER = 'config';

/** Where the files of an entry are or will be. */
export function locateModel(entry: AnyEntry, places: Places): LocatedModel {
  const folder = modelFolder(entry, places);
  if (entry.embedded !== undefined) return { path: folder, configDir: null, ready: true, missing: [] };
  const missing = entry.files.filter((file) => !isComplete(filePath(entry, file, places), file.bytes));
  const weights = entry.files.find((file) => file.role === 'weights');
  const single = entry.layout === 'single_file' && weights !== undefined;
  const companions = entry.files.find((file) => file.role === 'companion' && file.path.startsWith(`${CONFIG_FOLDER}/`));
  return {
    path: single ? filePath(entry, weights, places) : folder,
    configDir: single && companions !== undefined ? join(folder, CONFIG_FOLDER) : null,
    ready: missing.length === 0,
    missing,
  };
}

/** The folder that holds an entry's downloaded files. */
export function modelFolder(entry: AnyEntry, places: Places): string {
  if (entry.embedded !== undefined) return join(packageRoot(), 'presets', ...entry.embedded.split('/'));
  const local = entry.files.find((file) => file.local !== undefined && file.role === 'weights');
  // A diffusers folder that the person added stays where it is. Of a single file that the person added, only the
  // weights stay; its companions go into our folder.
  if (local?.local !== undefined && entry.layout !== 'single_file') return rootOf(local.local, local.path);
  return join(places.models, entry.id);
}

/** Absolute path of one file of an entry. */
export function filePath(entry: AnyEntry, file: ModelFile, places: Places): string {
  return file.local ?? join(modelFolder(entry, places), ...file.path.split('/'));
}

function rootOf(absolute: string, inner: string): string {
  return inner.split('/').reduce((path) => dirname(path), absolute);
}

function isComplete(path: string, bytes: number | undefined): boolean {
  const found = statOf(path);
  return found?.isFile() === true && (bytes === undefined || found.size === bytes);
}
