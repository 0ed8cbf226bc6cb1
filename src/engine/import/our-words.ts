/** Reads our own settings in the metadata of a LoRA of ours, for which sd-scripts has no keys. Pure. */
import { isDeepStrictEqual } from 'node:util';
import { schemaOf } from '../../spec/foreign.ts';
import { findKey } from '../../spec/keys.ts';
import { yamlValue } from '../../spec/write.ts';
import { isShared, SHARED_SETTINGS, silentKeys } from '../plan/facts.ts';
import type { ImportLine } from './line.ts';

/** Values by dotted key as the file has them, unchecked; `problem` says why there are none. */
export interface SettingsInMetadata {
  readonly values: Readonly<Record<string, unknown>>;
  readonly problem?: string;
}

/** The settings in the metadata; undefined for a LoRA that was not trained here. */
export function settingsInMetadata(metadata: Readonly<Record<string, string>>): SettingsInMetadata | undefined {
  const text = metadata[SHARED_SETTINGS];
  if (text === undefined) return Object.hasOwn(metadata, 'visiontrain.spec_sha256') ? { values: {} } : undefined;
  try {
    const values: unknown = JSON.parse(text);
    if (typeof values === 'object' && values !== null && !Array.isArray(values))
      return { values: values as Readonly<Record<string, unknown>> };
  } catch {
    // It was edited by hand. The rest of the metadata is still used.
  }
  return { values: {}, problem: 'it is no JSON object' };
}

interface Lists {
  readonly values: Map<string, unknown>;
  readonly lines: Map<string, ImportLine>;
  readonly lost: ImportLine[];
}

/**
 * Puts our own settings in place of those converted from sd-scripts' keys. Only settings that a LoRA may carry are
 * taken.
 */
export function laySettingsInMetadata(
  { values: given, problem }: SettingsInMetadata,
  { values, lines, lost }: Lists,
): void {
  if (problem !== undefined) lost.push({ theirs: SHARED_SETTINGS, ours: null, why: problem });
  // For every weighting that sd-scripts does not know, its key for the gamma says that there is none.
  if (Object.hasOwn(given, 'training.loss_weighting')) values.delete('training.min_snr_gamma');
  for (const [key, value] of Object.entries(given)) {
    const theirs = `${SHARED_SETTINGS}.${key}: ${JSON.stringify(value)}`.slice(0, 200);
    const why = whyNot(key, value);
    if (why !== undefined) lost.push({ theirs, ours: null, why });
    else {
      values.set(key, value);
      lines.set(key, { theirs, ours: `${key}: ${yamlValue(value)}`, why: null });
    }
  }
}

function whyNot(key: string, value: unknown): string | undefined {
  if (findKey(key) === undefined) return 'this visiontrain has no such setting';
  if (!isShared(key, value)) return 'a LoRA carries no such setting';
  return schemaOf(key)?.safeParse(value).success === true ? undefined : `${key} cannot be that`;
}

/** Adds the defaults that a LoRA of ours does not mention, in place of the base model's recipe. */
export function laySilent({ values, lines }: Omit<Lists, 'lost'>, recipe: (key: string) => unknown): void {
  for (const { key, value } of silentKeys) {
    const other = recipe(key);
    if (values.has(key) || other === undefined || isDeepStrictEqual(other, value)) continue;
    values.set(key, value);
    lines.set(key, { theirs: `nothing of ${key}`, ours: `${key}: ${yamlValue(value)}`, why: null });
  }
}
