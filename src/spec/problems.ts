/** Turns zod's issues into sentences for people: what the key accepts, what was found, and the nearest valid word. */
import type { z } from 'zod';
import { nearest } from '../base/nearest.ts';
import { shorten } from '../base/text.ts';
import { foreignWord, type KnownRun, ourForm } from './foreign.ts';
import {
  expectation,
  findKey,
  groupOf,
  type JsonNode,
  list,
  nodeInside,
  sections,
  specJson,
  specKeys,
} from './keys.ts';
import { yamlValue } from './write.ts';

export interface KeyProblem {
  /** Segments of the key's path in the document. */
  readonly path: readonly string[];
  readonly message: string;
}

/**
 * In a group with more unknown keys than this, no nearest word is searched for: no person would read so many
 * suggestions.
 */
const MOST_SEARCHED = 100;

type Issue = z.core.$ZodIssue;

/**
 * The sentences for one issue of zod.
 * @param run facts about the run that are not in the document, such as the recipe's values
 */
export function describeIssue(issue: Issue, document: unknown, run?: KnownRun): readonly KeyProblem[] {
  const path = issue.path.map(String);
  const value = path.reduce<unknown>((at, name) => (at as Record<string, unknown> | undefined)?.[name], document);
  if (issue.code === 'unrecognized_keys') {
    const group = value as Readonly<Record<string, unknown>>;
    return issue.keys.flatMap((name, i) =>
      i < MOST_SEARCHED
        ? [
            { path: [...path, name], message: unknownKey(path, name, group[name], run) },
            ...inside(group[name], [...path, name], run),
          ]
        : [{ path: [...path, name], message: 'no such setting' }],
    );
  }
  return [{ path, message: wrongValue(issue, path, value) }];
}

/** Problems of the single words in an unknown group, such as `network` of ai-toolkit. */
function inside(value: unknown, path: readonly string[], run: KnownRun | undefined): readonly KeyProblem[] {
  if (typeof value !== 'object' || value === null || path.length > 8) return [];
  return Object.entries(value)
    .slice(0, MOST_SEARCHED)
    .flatMap(([name, inner]) => {
      const message = Array.isArray(value) ? undefined : (foreignWord(name, inner, run) ?? elsewhere(name));
      const own = message === undefined ? [] : [{ path: [...path, name], message }];
      return [...own, ...inside(inner, [...path, name], run)];
    })
    .slice(0, MOST_SEARCHED);
}

/** The message for an unknown key: a word of another trainer, a key of another section, or a misspelling. */
export function unknownKey(parent: readonly string[], name: string, value?: unknown, run?: KnownRun): string {
  const section = parent[0];
  const group = parent.length > 1 ? groupOf(nodeAt(parent) ?? {}) : undefined;
  if (group !== undefined) return unknownInGroup(name, Object.keys(group));
  const node = section === undefined ? specJson : specJson.properties?.[section];
  const siblings = Object.keys(node?.properties ?? {});
  const known = foreignWord(name, value, run) ?? elsewhere(name);
  if (known !== undefined) return known;
  const near = nearest(name, siblings);
  if (near !== undefined) return `no such setting; did you mean ${near}?`;
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

/** The message for an unknown setting inside a key whose value is a group. */
function unknownInGroup(name: string, known: readonly string[]): string {
  const near = nearest(name, known);
  return near === undefined
    ? `no such setting; there are ${list(known, 'and')}`
    : `no such setting; did you mean ${near}?`;
}

function elsewhere(name: string): string | undefined {
  const found = specKeys.find(({ key }) => key.split('.').at(-1) === name && key !== name);
  return found === undefined ? undefined : `no such setting here: ${found.key}?`;
}

function wrongValue(issue: Issue, path: readonly string[], value: unknown): string {
  const node = nodeAt(path);
  if (value === undefined) return `is missing${node?.description === undefined ? '' : `: ${gist(node.description)}`}`;
  if (value === null) return emptyValue(path, node);
  const [section = ''] = path;
  if (path.length === 1 && sections.includes(section)) return wrongSection(section, value);
  const ours = ourForm(path.join('.'), value);
  const found = `; this is ${show(value)}${ours === undefined ? '' : `: write ${shorten(yamlValue(ours), 80)}`}`;
  if (issue.code === 'invalid_format' && !node?.anyOf?.some(isNumeric))
    return `${issue.format === 'regex' ? issue.message : `must be ${issue.format}`}${found}`;
  if (issue.code === 'custom') return `must be ${issue.message}${found}`;
  if (node === undefined) return `${issue.message}${found}`;
  return `must be ${expectation(node)}${(ours === undefined ? hint(path, node, value) : undefined) ?? found}`;
}

/** The one setting of a section that people write in place of the whole section. */
const MAIN: Readonly<Record<string, string>> = { dataset: 'path', model: 'base' };

/** The message for a section that is no group of settings. */
function wrongSection(section: string, value: unknown): string {
  const key = typeof value === 'string' ? MAIN[section] : undefined;
  const write = key === undefined ? '' : `: write {${key}: ${shorten(yamlValue(value), 80)}}`;
  return `must be settings, each with its name (visiontrain schema lists them); this is ${show(value)}${write}`;
}

/** Schema of a key, or of what is inside it when the path leads into a list or a group. */
function nodeAt(path: readonly string[]): JsonNode | undefined {
  const [section = '', field] = path;
  const isSection = sections.includes(section);
  const key = findKey(isSection && field !== undefined ? `${section}.${field}` : section);
  if (key === undefined) return isSection && field === undefined ? specJson.properties?.[section] : undefined;
  return nodeInside(key.node, path.slice(isSection ? 2 : 1));
}

const words = new Map([
  ['yes', 'true'],
  ['on', 'true'],
  ['no', 'false'],
  ['off', 'false'],
]);

/** The message for `trigger:` with nothing behind it, or with only a comment. */
function emptyValue(path: readonly string[], node: JsonNode | undefined): string {
  const item = path.length > 2;
  const needed = path.length === 2 && ['dataset.path', 'model.base'].includes(path.join('.'));
  if (needed) return `is empty: ${gist(node?.description ?? 'it is needed')}`;
  if (item || node?.type !== 'string' || node.pattern === undefined || !new RegExp(node.pattern, 'u').test(''))
    return 'is empty: write a value or remove the line';
  return "is empty: write '' or remove the line";
}

/** What the person most likely meant. */
function hint(path: readonly string[], node: JsonNode, value: unknown): string | undefined {
  if (takesText(node) && typeof value !== 'string') return notText(value);
  if (value === -1 && path.at(-1) === 'seed')
    return '; this is -1, which does not mean "random" here: write any number';
  if (typeof value !== 'string') return undefined;
  const { enum: choices, type, anyOf = [] } = node;
  if (choices !== undefined) {
    const near = nearest(value, choices.map(String));
    return near === undefined ? undefined : `; this is ${show(value)}; did you mean ${near}?`;
  }
  if (type === 'boolean') {
    const meant = words.get(value.toLowerCase());
    return meant === undefined ? undefined : `; write ${meant}, not ${show(value)}`;
  }
  return isNumeric(node) || anyOf.some(isNumeric) ? notNumber(value) : undefined;
}

const isNumeric = ({ type }: JsonNode) => type === 'integer' || type === 'number';

/** Whether a key takes text and no number: a key that takes both is meant as a number more often. */
const takesText = ({ type, anyOf = [] }: JsonNode) =>
  type === 'string' || (anyOf.some((choice) => choice.type === 'string') && !anyOf.some(isNumeric));

/** Explains why a value is not text: YAML decides that from how the value is written. */
function notText(value: unknown): string {
  if (Array.isArray(value)) return '; YAML reads [ ] as a list: put the text in quotes';
  if (typeof value === 'object') {
    const [name = ''] = Object.keys(value ?? {});
    return `; YAML reads ${show(`${name}: …`)} as a setting with a value: put the text in quotes`;
  }
  return `; YAML reads this as ${typeof value === 'number' ? 'the number ' : ''}${show(value)}: put it in quotes`;
}

function notNumber(value: string): string | undefined {
  if (value.trim() !== '' && Number.isFinite(Number(value))) return '; this is text: remove the quotes';
  const thousands = /^\d{1,3}(,\d{3})+$/u.test(value) ? value.replaceAll(',', '') : undefined;
  const meant = thousands ?? (/^\d+,\d+$/u.test(value) ? value.replace(',', '.') : undefined);
  return meant === undefined ? undefined : `; this is ${show(value)}: write ${meant}`;
}

/** First clause of a description, for use inside a sentence. */
const gist = (description: string) =>
  description.replace(/[:;.].*$/su, '').replace(/^[A-Z](?![A-Z])/u, (letter) => letter.toLowerCase());

function show(value: unknown): string {
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'a group of settings';
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return shorten(text, 60);
}
