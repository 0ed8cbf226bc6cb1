/** `--set a.b=value`: values typed on the command line replace those of a document. */
import type { Problem } from '../base/errors.ts';
import { findKey, groupOf, specKeys } from './keys.ts';
import { unknownKey } from './problems.ts';
import { parseYaml } from './yaml-tree.ts';

export interface Overridden {
  /** The document with the values set; the given document is not changed. */
  readonly document: unknown;
  /** Dotted key → the flag as typed. */
  readonly sources: ReadonlyMap<string, string>;
  readonly problems: readonly Problem[];
}

export function applyOverrides(document: unknown, overrides: readonly string[]): Overridden {
  const sources = new Map<string, string>();
  const problems: Problem[] = [];
  let current = document;
  for (const text of overrides) {
    const flag = `--set ${text}`;
    const equals = text.indexOf('=');
    const key = text.slice(0, Math.max(0, equals)).trim();
    if (equals < 1) {
      problems.push({ file: flag, key: '', message: 'write it as key=value, such as training.rank=32' });
      continue;
    }
    const { value, problems: wrong } = parseYaml(text.slice(equals + 1));
    if (!isSetting(key)) {
      problems.push({ file: flag, key, message: noSuchKey(key, value) });
      continue;
    }
    const [first] = wrong;
    if (first !== undefined) problems.push({ file: flag, key, message: first.message });
    else {
      // An empty value means the empty text: `--set dataset.trigger=`.
      current = withValue(current, key.split('.'), value === undefined ? '' : value);
      sources.set(key, flag);
    }
  }
  return { document: current, sources, problems };
}

/** Whether a text is a key of run.yaml, or a setting inside a key whose value is a group. */
function isSetting(key: string): boolean {
  if (findKey(key) !== undefined) return true;
  const outer = findKey(key.split('.').slice(0, -1).join('.'));
  return outer !== undefined && Object.hasOwn(groupOf(outer.node) ?? {}, key.split('.').at(-1) ?? '');
}

function noSuchKey(key: string, value: unknown): string {
  const inside = specKeys.find(({ section }) => section === key);
  if (inside !== undefined) return `is a group of settings: name one of them, such as ${inside.key}`;
  const segments = key.split('.');
  const name = segments.at(-1) ?? '';
  return unknownKey(segments.length > 1 ? segments.slice(0, -1) : [], name, value);
}

function withValue(document: unknown, [name = '', ...rest]: readonly string[], value: unknown): unknown {
  const group = typeof document === 'object' && document !== null && !Array.isArray(document) ? document : {};
  const before = (group as Record<string, unknown>)[name];
  return { ...group, [name]: rest.length === 0 ? value : withValue(before, rest, value) };
}
