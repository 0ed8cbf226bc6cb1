/**
 * Reads the settings of a run, with who chose each, from its run.yaml alone. The registry is not used, since it may
 * have changed since the run.
 */
import { join } from 'node:path';
import { readOurs } from '../../base/files/regular-file.ts';
import { chosenBy } from '../../spec/chosen.ts';
import { specKeys } from '../../spec/keys.ts';
import { parseYaml } from '../../spec/yaml-tree.ts';
import { RUN_FILES } from '../run-folder/layout.ts';
import type { ChosenSetting } from './types.ts';

/** Most bytes of run.yaml: prompts and rules over captions are the longest it holds. */
const MOST_BYTES = 16 << 20;

/** The settings in the order of the schema; empty where run.yaml is missing or damaged. */
export function readChosen(dir: string): readonly ChosenSetting[] {
  const bytes = readOurs(join(dir, RUN_FILES.spec), MOST_BYTES);
  if (bytes === undefined) return [];
  const tree = parseYaml(bytes.toString('utf8'));
  const by = chosenBy(tree);
  return specKeys.flatMap(({ key }) => {
    const value = valueAt(tree.value, key.split('.'));
    return value === undefined || key === 'version' ? [] : [{ key, value, by: by.get(key) ?? 'you' }];
  });
}

function valueAt(document: unknown, path: readonly string[]): unknown {
  let value = document;
  for (const name of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}
