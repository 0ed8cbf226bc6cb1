/** A preset of the person's own is laid under what they chose in a run.yaml, and over what the recipe chose. Pure. */
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
  /** Keys of the preset that stay as the person has them in the file. */
  readonly kept: readonly string[];
}

/** A run needs these, and a recipe fills none of them in. */
const NEEDED: ReadonlySet<string> = new Set(['version', 'name', 'dataset.path', 'model.base']);

/**
 * What a comment in the file says the recipe chose is dropped, since the recipe may choose otherwise beside the preset;
 * the recipe of today fills it in again.
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
