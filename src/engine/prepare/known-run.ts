/**
 * Collects facts about the run from a partial run.yaml, to convert words of other trainers in it, such as a number of
 * epochs.
 */
import { anyWord, type KnownRun, plainName } from '../../spec/foreign.ts';
import { type Mapping, valueAt } from './mapping.ts';
import type { Preset } from './presets.ts';

/** Most words of a document that are searched for one fact. */
const MOST_WORDS = 1000;

/** The facts about the run that a document holds. */
export function knownRun(
  document: Mapping,
  presets: ReadonlyMap<string, Preset>,
  countUses: ((path: string) => number | undefined) | undefined,
): KnownRun {
  let words: ReadonlyMap<string, unknown> | undefined;
  const value = (key: string) => {
    words ??= allWords(document);
    return valueAt(document, key.split('.')) ?? anyWord(key, words) ?? presets.get(key)?.value;
  };
  return {
    value,
    uses() {
      const path = value('dataset.path');
      return typeof path === 'string' ? countUses?.(path) : undefined;
    },
  };
}

/** Every name in a document, in any group, with its first value. */
function allWords(document: Mapping): ReadonlyMap<string, unknown> {
  const words = new Map<string, unknown>();
  const collect = (group: unknown): void => {
    if (typeof group !== 'object' || group === null) return;
    for (const [name, inner] of Object.entries(group)) {
      if (words.size >= MOST_WORDS) return;
      if (!words.has(plainName(name))) words.set(plainName(name), inner);
      collect(inner);
    }
  };
  collect(document);
  return words;
}
