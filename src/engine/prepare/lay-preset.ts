/**
 * Puts the values of a preset of the person's own into a run.yaml: below the person's choices, above the recipe's.
 * Pure.
 */
import type { OwnPreset } from '../../spec/own-preset.ts';
import type { Chooser } from '../../spec/schema.ts';
import { isMapping, type Mapping, valueAt } from './mapping.ts';

export interface LaidPreset {
  readonly name: string;
  /** The run.yaml with the preset in it. */
  readonly document: unknown;
  readonly claimed: ReadonlyMap<string, Chooser>;
  /** Keys that now have the preset's value. */
  readonly used: readonly string[];
  /** Keys of the preset that keep the person's value from the file. */
  readonly kept: readonly string[];
}

/** Keys that a run needs and no recipe can fill. */
const NEEDED: ReadonlySet<string> = new Set(['version', 'name', 'dataset.path', 'model.base']);

/**
 * Applies a preset. A value that the recipe chose, according to the comment in the file, is dropped, since the recipe
 * may choose otherwise beside the preset; it is filled in again afterwards.
 */
export function layPreset(document: unknown, chosen: ReadonlyMap<string, Chooser>, preset: OwnPreset): LaidPreset {
  const claimed = new Map(chosen);
  let laid: Mapping = isMapping(document) ? document : {};
  for (const [key, who] of chosen)
    if (who === 'preset' && !NEEDED.has(key) && !preset.values.has(key)) laid = without(laid, key);
  const used: string[] = [];
  const kept: string[] = [];
  for (const [key, value] of preset.values) {
    const who = valueAt(laid, key.split('.')) === undefined ? 'preset' : (chosen.get(key) ?? 'you');
    if (who === 'you') kept.push(key);
    else {
      laid = withKey(laid, key, value);
      claimed.set(key, `preset:${preset.name}`);
      used.push(key);
    }
  }
  return { name: preset.name, document: isMapping(document) ? laid : document, claimed, used, kept };
}

function withKey(document: Mapping, key: string, value: unknown): Mapping {
  const [section = '', field = ''] = key.split('.');
  const group = document[section];
  return { ...document, [section]: { ...(isMapping(group) ? group : {}), [field]: value } };
}

function without(document: Mapping, key: string): Mapping {
  const [section = '', field = ''] = key.split('.');
  const group = document[section];
  if (!isMapping(group)) return document;
  const { [field]: _, ...rest } = group;
  return { ...document, [section]: rest };
}
