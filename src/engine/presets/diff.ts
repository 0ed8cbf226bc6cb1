/** Compares the settings of two presets or runs. Pure. */
import { isDeepStrictEqual } from 'node:util';
import { specKeys } from '../../spec/keys.ts';
import { whyNotInPreset } from '../../spec/own-preset.ts';
import { valueAt } from '../prepare/mapping.ts';
import type { PresetSource } from './make.ts';

export interface PresetDifference {
  readonly key: string;
  /** Value on the first side; undefined where that side leaves the key to the recipe. */
  readonly a: unknown;
  readonly b: unknown;
}

/**
 * The differences. If a side is a preset, only the keys that presets set are compared; two runs are compared in all
 * keys.
 */
export function presetDifferences(a: PresetSource, b: PresetSource): readonly PresetDifference[] {
  const keys = specKeys.map(({ key }) => key).filter((key) => isCompared(key, a, b));
  const rows = keys.map((key) => ({ key, a: valueIn(a, key), b: valueIn(b, key) }));
  return rows.filter((row) => !isDeepStrictEqual(row.a, row.b));
}

function isCompared(key: string, a: PresetSource, b: PresetSource): boolean {
  const presets = [a, b].flatMap((side) => (side.kind === 'preset' ? [side.preset] : []));
  if (presets.length > 0) return presets.some(({ values }) => values.has(key));
  return whyNotInPreset(key, undefined) === undefined;
}

const valueIn = (side: PresetSource, key: string): unknown =>
  side.kind === 'preset' ? side.preset.values.get(key) : valueAt(side.filled.spec, key.split('.'));
