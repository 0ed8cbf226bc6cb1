/** Converts values of settings to and from the text that a person types. Pure. */
import { groupOf, type JsonNode } from '../../spec/keys.ts';
import { yamlValue } from '../../spec/write.ts';
import { parseYaml } from '../../spec/yaml-tree.ts';

const isGroup = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value);

/** A value as a person would type it. */
export function shown(value: unknown): string {
  if (value === null || value === undefined) return 'none';
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (isGroup(value) || (Array.isArray(value) && value.some(isGroup))) return yamlValue(value);
  if (Array.isArray(value) && value.length === 0) return 'none';
  if (Array.isArray(value)) return value.map(String).join(value.some((v) => typeof v === 'string') ? ' | ' : ', ');
  if (value === '') return 'empty';
  return String(value);
}

/** The typed text as a value for this key. A text that fits no type is left for the schema to refuse. */
export function parse(node: JsonNode, typed: string): unknown {
  const text = typed.trim();
  const kinds = node.anyOf ?? [node];
  if (kinds.some((kind) => kind.type === 'null') && /^(none|null|)$/i.test(text)) return null;
  // Groups of settings, and lists of them, are typed in YAML's notation on one line.
  if (/^[{[]/.test(text) && holdsGroup(node)) {
    const { value, problems } = parseYaml(text);
    return problems.length === 0 ? value : text;
  }
  const list = kinds.find((kind) => kind.type === 'array');
  if (list !== undefined && holdsGroup(node) && text === 'none') return [];
  if (list !== undefined) {
    const strings = (list.items || undefined)?.type === 'string';
    if (strings) return text === '' || text === 'none' ? [] : text.split('|').map((part) => part.trim());
    if (text.includes(',')) return text.split(',').map((part) => Number(part.trim()));
  }
  if (
    kinds.some((kind) => kind.type === 'number' || kind.type === 'integer') &&
    text !== '' &&
    !Number.isNaN(Number(text))
  )
    return Number(text);
  if (kinds.some((kind) => kind.type === 'boolean'))
    return /^(yes|true|on)$/i.test(text) || (/^(no|false|off)$/i.test(text) ? false : text);
  return text === 'empty' ? '' : text;
}

/** Whether a key takes a group of settings, or a list of them. */
function holdsGroup(node: JsonNode): boolean {
  const kinds = [node, ...(node.anyOf ?? [])];
  return kinds.some((kind) => groupOf(kind) !== undefined || groupOf((kind.items || undefined) ?? {}) !== undefined);
}
