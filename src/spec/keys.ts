/**
 * The schema's metadata of each key, as data: for error messages, comments in written files, the JSON Schema and the
 * docs.
 */
import { z } from 'zod';
import { specSchema } from './schema.ts';

/** The part of JSON Schema that run.yaml's keys use. */
export interface JsonNode {
  /** zod writes a value that may be of several types without further bounds as a list of types. */
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
  readonly multipleOf?: number;
  readonly maxLength?: number;
  readonly minLength?: number;
  readonly pattern?: string;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly items?: JsonNode | false;
  readonly prefixItems?: readonly JsonNode[];
  readonly anyOf?: readonly JsonNode[];
  readonly allOf?: readonly JsonNode[];
  readonly properties?: Readonly<Record<string, JsonNode>>;
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly description?: string;
  readonly why?: string;
  readonly unit?: string;
  readonly [key: string]: unknown;
}

export interface SpecKey {
  /** Dotted key, e.g. `training.rank`. */
  readonly key: string;
  /** Section of the key, e.g. `training`; empty for `version` and `name`. */
  readonly section: string;
  readonly node: JsonNode;
}

const root = z.toJSONSchema(specSchema, { io: 'input' }) as JsonNode;

/** JSON Schema of run.yaml as zod makes it, for what a person writes (`io: input`). */
export const specJson: JsonNode = root;

export const sections: readonly string[] = Object.entries(root.properties ?? {})
  .filter(([, node]) => node.properties !== undefined)
  .map(([name]) => name);

/** Every key of run.yaml, in the order of the schema. */
export const specKeys: readonly SpecKey[] = Object.entries(root.properties ?? {}).flatMap(([name, node]) =>
  node.properties === undefined
    ? [{ key: name, section: '', node }]
    : Object.entries(node.properties).map(([field, inner]) => ({
        key: `${name}.${field}`,
        section: name,
        node: inner,
      })),
);

const byKey = new Map(specKeys.map((key) => [key.key, key]));

export const findKey = (key: string): SpecKey | undefined => byKey.get(key);

/** The settings inside a key whose value is a group, such as `training.multires_noise`; undefined for other keys. */
export const groupOf = (node: JsonNode): Readonly<Record<string, JsonNode>> | undefined =>
  [node, ...(node.anyOf ?? [])].find(({ properties }) => properties !== undefined)?.properties;

/** The schema at a path inside a key: a setting of its group, an item of its list. */
export function nodeInside(node: JsonNode, path: readonly string[]): JsonNode | undefined {
  const [name, ...rest] = path;
  if (name === undefined) return node;
  const kinds = [node, ...(node.anyOf ?? [])];
  const list = kinds.find(({ type }) => type === 'array');
  const inner = groupOf(node)?.[name] ?? list?.prefixItems?.[Number(name)] ?? (list?.items || undefined);
  return inner === undefined ? undefined : nodeInside(inner, rest);
}

/** What a key accepts, in words that follow "must be": `a whole number, 1 to 1024`. */
export function expectation(node: JsonNode): string {
  if (node.const !== undefined) return String(node.const);
  if (node.enum !== undefined) return list(node.enum.map(String));
  if (node.anyOf !== undefined) return node.anyOf.map(expectation).join(', or ');
  if (Array.isArray(node.type)) return node.type.map((type: string) => expectation({ ...node, type })).join(', or ');
  if (node.properties !== undefined) return `{${Object.keys(node.properties).join(', ')}}`;
  switch (node.type) {
    case 'integer':
      return `a whole number${range(node)}${multiple(node)}`;
    case 'number':
      return `a number${range(node)}`;
    case 'boolean':
      return 'true or false';
    case 'null':
      return 'null';
    case 'array':
      return arrayExpectation(node);
    case 'string':
      if (node.examples !== undefined) return `a text such as ${list(node.examples.map(String))}`;
      return node.maxLength === undefined ? 'text' : `one line of text, at most ${node.maxLength} characters`;
    default:
      return 'a group of settings';
  }
}

function arrayExpectation(node: JsonNode): string {
  const item = node.prefixItems?.[0] ?? (node.items || undefined);
  const fixed = node.prefixItems?.length ?? (node.minItems === node.maxItems ? node.minItems : undefined);
  const each =
    item === undefined
      ? 'values'
      : `${expectation(item)
          .replace(/^an? /u, '')
          .replace(/^one line of/u, '')}`;
  if (fixed !== undefined) return `a list of ${fixed}, each ${item === undefined ? 'a value' : expectation(item)}`;
  if (item?.type === 'string') return 'a list of lines of text';
  return item?.properties === undefined ? `a list of ${each}` : `a list of ${expectation(item)}`;
}

function range(node: JsonNode): string {
  const low = node.minimum ?? node.exclusiveMinimum;
  const high = node.maximum ?? node.exclusiveMaximum;
  const from = node.minimum === undefined && low !== undefined ? `above ${low}` : `${low}`;
  if (low === undefined) return high === undefined ? '' : `, at most ${high}`;
  if (high === undefined || high >= Number.MAX_SAFE_INTEGER)
    return `, ${node.minimum === undefined ? from : `${low} or more`}`;
  return `, ${from} ${node.maximum === undefined ? 'to below' : 'to'} ${high}`;
}

const multiple = (node: JsonNode) => (node.multipleOf === undefined ? '' : `, a multiple of ${node.multipleOf}`);

/** `a, b or c`. */
export const list = (words: readonly string[], last = 'or'): string =>
  words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} ${last} ${words.at(-1)}`;
