import { resolve } from 'node:path';
import { inOneLine, VisiontrainError } from '../../base/errors.ts';
import { statOf } from '../../base/files/stat.ts';
import { typedPath } from '../../base/typed-path.ts';
import { findAsset, findBase } from '../../registry/catalogue/find.ts';
import type { Registry } from '../../registry/catalogue/schema.ts';
import type { KeyProblem } from '../../spec/problems.ts';
import { isMapping } from './mapping.ts';

const PATH_KEYS = [
  ['dataset', 'path'],
  ['model', 'base'],
  ['model', 'vae'],
  ['training', 'init_lora'],
] as const;

/** The beginning of a text that cannot be a plain path below this folder. */
const FOREIGN = /^\s*['"]?(~|\$|file:|[A-Za-z]:[\\/]|\\\\)/iu;

/**
 * The document with its paths read as people write them. A plain path, or one that leads nowhere in either reading, is
 * not changed. All of these paths are only read from.
 */
export function withTypedPaths(
  document: Readonly<Record<string, unknown>>,
  { registry, dir }: { readonly registry: Registry; readonly dir: string },
): { readonly document: Readonly<Record<string, unknown>>; readonly problems: readonly KeyProblem[] } {
  const isId = (name: string) => (findBase(registry, name) ?? findAsset(registry, name)) !== undefined;
  const problems: KeyProblem[] = [];
  let current = document;
  for (const [section, key] of PATH_KEYS) {
    const group = current[section];
    const value = isMapping(group) ? group[key] : undefined;
    if (!isMapping(group) || typeof value !== 'string' || value === '' || isId(value)) continue;
    try {
      const path = typedPath(value, dir);
      if (path !== resolve(dir, value) && (FOREIGN.test(value) || statOf(path) !== undefined))
        current = { ...current, [section]: { ...group, [key]: path } };
    } catch (error) {
      if (!(error instanceof VisiontrainError)) throw error;
      problems.push({ path: [section, key], message: inOneLine(error) });
    }
  }
  return { document: current, problems };
}
