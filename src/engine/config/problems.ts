/** zod's issues → sentences for people: what the key accepts, what was found, the nearest valid word. */
import type { z } from 'zod';
import { nearest } from '../nearest.ts';
import { shorten } from '../text.ts';
import { expectation, findKey, type JsonNode, list, sections, specJson, specKeys } from './keys.ts';

export interface KeyProblem {
  /** Segments of the key, as in the document. */
  readonly path: readonly string[];
  readonly message: string;
}

/** For more keys of one group no near word is looked for: no person reads so many. */
const MOST_SEARCHED = 100;

type Issue = z.core.$ZodIssue;

export function describeIssue(issue: Issue, document: unknown): readonly KeyProblem[] {
  const path = issue.path.map(String);
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((name, i) => ({
      path: [...path, name],
      message: i < MOST_SEARCHED ? unknownKey(path, name) : 'no such setting',
    }));
  const value = path.reduce<unknown>((at, name) => (at as Record<string, unknown> | undefined)?.[name], document);
  return [{ path, message: wrongValue(issue, path, value) }];
}

/** `no such setting: learning_rate?` */
export function unknownKey(parent: readonly string[], name: string): string {
  const section = parent[0];
  const node = section === undefined ? specJson : specJson.properties?.[section];
  const siblings = Object.keys(node?.properties ?? {});
  const near = nearest(name, siblings);
  if (near !== undefined) return `no such setting: ${near}?`;
  const elsewhere = specKeys.find(({ key }) => key.split('.').at(-1) === name && key !== name);
  if (elsewhere !== undefined) return `no such setting here: ${elsewhere.key}?`;
  const far = nearest(
    name,
    specKeys.map(({ key }) => key.split('.').at(-1) ?? ''),
  );
  const farKey = specKeys.find(({ key }) => far !== undefined && key.split('.').at(-1) === far)?.key;
  if (farKey !== undefined) return `no such setting here: ${farKey}?`;
  return section === undefined
    ? `no such setting; there are ${list([...siblings], 'and')}`
    : `no such setting in ${section} (visiontrain schema lists them all)`;
}

function wrongValue(issue: Issue, path: readonly string[], value: unknown): string {
  const node = nodeAt(path);
  if (value === undefined) return `is missing${node?.description === undefined ? '' : `: ${gist(node.description)}`}`;
  const found = `; this is ${show(value)}`;
  if (issue.code === 'invalid_format')
    return `${issue.format === 'regex' ? issue.message : `must be ${issue.format}`}${found}`;
  if (issue.code === 'custom') return `must be ${issue.message}${found}`;
  if (node === undefined) return `${issue.message}${found}`;
  return `must be ${expectation(node)}${hint(node, value) ?? found}`;
}

/** Schema of a key, or of an item when the path goes on into a list. */
function nodeAt(path: readonly string[]): JsonNode | undefined {
  const [section = '', field] = path;
  const isSection = sections.includes(section);
  const key = findKey(isSection && field !== undefined ? `${section}.${field}` : section);
  if (key === undefined) return isSection && field === undefined ? specJson.properties?.[section] : undefined;
  const rest = path.slice(isSection ? 2 : 1);
  if (rest.length === 0) return key.node;
  return key.node.prefixItems?.[Number(rest[0])] ?? (key.node.items || undefined);
}

const words = new Map([
  ['yes', 'true'],
  ['on', 'true'],
  ['no', 'false'],
  ['off', 'false'],
]);

/** What the person most likely meant. */
function hint(node: JsonNode, value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined;
  const { enum: choices, type } = node;
  if (choices !== undefined) {
    const near = nearest(value, choices.map(String));
    return near === undefined ? undefined : `; this is ${show(value)}: ${near}?`;
  }
  if (type === 'boolean') {
    const meant = words.get(value.toLowerCase());
    return meant === undefined ? undefined : `; write ${meant}, not ${show(value)}`;
  }
  if ((type === 'integer' || type === 'number') && value.trim() !== '' && Number.isFinite(Number(value)))
    return `; this is text: remove the quotes`;
  return undefined;
}

/** First clause of a description, to stand inside a sentence. */
const gist = (description: string) =>
  description.replace(/[:;.].*$/su, '').replace(/^[A-Z](?![A-Z])/u, (letter) => letter.toLowerCase());

function show(value: unknown): string {
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'a group of settings';
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return shorten(text, 60);
}
