/**
 * A preset of a person's own: a part of run.yaml without images, paths and names. It is read from text and written as
 * text. Pure.
 */

import type { Problem } from '../base/errors.ts';
import { nearest } from '../base/nearest.ts';
import { schemaOf } from './foreign.ts';
import { findKey, specKeys } from './keys.ts';
import { migrate } from './migrations.ts';
import { SPEC_VERSION } from './schema.ts';
import { isMaskFolder } from './training/subject-keys.ts';
import { keyLines } from './write.ts';
import { parseYaml, pathKey, type YamlTree } from './yaml-tree.ts';

export interface OwnPreset {
  readonly name: string;
  /** Purpose of the preset, in the person's words; may be empty. */
  readonly about: string;
  /** Values by dotted key of run.yaml, in the order of run.yaml. */
  readonly values: ReadonlyMap<string, unknown>;
}

/** Version of the format of these files. The keys in them follow the version of run.yaml. */
const PRESET_VERSION = 1;
/** Most characters of `about`. */
const LONGEST_ABOUT = 200;

/** Keys that describe one data set, one run or one machine, each with what it describes. */
const OF_ONE_RUN: Readonly<Record<string, string>> = {
  version: 'the version of the file',
  name: 'the name of one run',
  'dataset.path': 'where the pictures are',
  'dataset.include': 'folders of one data set',
  'dataset.sources': 'folders of one data set',
  'dataset.trigger': 'the trigger of one data set',
  'dataset.regularisation': 'pictures of one class',
  'validation.path': 'a folder of one data set',
  'captions.endpoint': 'a server that would see the pictures',
  'captions.endpoint_model': 'a server that would see the pictures',
  'model.merge_loras': 'files of this machine',
  'training.init_lora': 'a file of this machine',
  'training.preservation': 'the class of one data set',
  'training.pivotal': 'the trigger of one data set',
  'samples.prompts': 'prompts for one data set',
  'resources.device': 'one machine',
  'resources.workers': 'one machine',
  'resources.threads': 'one machine',
  'logging.trackers': 'projects of a service',
};

/** Why a key with this value cannot be part of a preset; undefined where it can. */
export function whyNotInPreset(key: string, value: unknown): string | undefined {
  if (Object.hasOwn(OF_ONE_RUN, key)) return OF_ONE_RUN[key];
  if (key.startsWith('hooks.')) return 'commands are allowed run by run';
  if (FILES.has(key) && typeof value === 'string' && isPath(value)) return 'a file of this machine';
  if (key === 'dataset.masks' && isGroup(value) && isMaskFolder(String(value.from ?? 'auto')))
    return 'a folder of one data set';
  return undefined;
}

/** Keys that take an id of the registry or a path. */
const FILES: ReadonlySet<string> = new Set(['model.base', 'model.vae', 'captions.tagger', 'captions.captioner']);

/** Keys whose text a person writes about their images. */
const WRITTEN =
  /^(?:captions\.(?:exclude|prompt|replace|remove|keep_only|add_first|add_last|protect)|dataset\.(?:caption_(?:prefix|suffix|options)|default_caption)|samples\.negative)$/u;

/** Whether the text of a setting contains the trigger, which belongs to one data set. */
export function holdsTrigger(key: string, value: unknown, trigger: string): boolean {
  if (trigger.trim() === '' || !WRITTEN.test(key)) return false;
  return JSON.stringify(value).toLowerCase().includes(trigger.trim().toLowerCase());
}

/** Whether a text is a path. Ids of the registry have neither slashes nor endings of weights files. */
export const isPath = (text: string): boolean => /[/\\]|^[.~]|\.(?:safetensors|ckpt|pt|bin)$/iu.test(text);

export type ReadPreset =
  | { readonly preset: OwnPreset; readonly problems?: undefined }
  | { readonly problems: readonly Problem[] };

/** Reads a preset; every problem has its line. */
export function readPreset(text: string, name: string, file: string): ReadPreset {
  const tree = parseYaml(text);
  if (tree.problems.length > 0)
    return { problems: tree.problems.map(({ path, ...rest }) => ({ file, key: path.join('.'), ...rest })) };
  const { value } = tree;
  const at = (path: readonly string[], message: string): Problem => ({
    ...{ file, key: path.join('.'), message },
    ...placeOf(tree, path),
  });
  if (!isGroup(value)) return { problems: [at([], 'is no preset: it holds no settings (key: value)')] };
  const { preset: form, about, ...settings } = value;
  const problems: Problem[] = [];
  if (form !== PRESET_VERSION)
    problems.push(at(['preset'], `must be ${PRESET_VERSION}: this is the form of presets that this visiontrain knows`));
  if (about !== undefined && (typeof about !== 'string' || about.length > LONGEST_ABOUT))
    problems.push(at(['about'], `must be a text of at most ${LONGEST_ABOUT} characters`));
  const migrated = migrate(settings);
  if ('problem' in migrated) return { problems: [...problems, at(['version'], migrated.problem)] };
  const values = new Map<string, unknown>();
  for (const [section, group] of Object.entries(migrated.document)) {
    if (section === 'version') continue;
    if (!isGroup(group)) problems.push(at([section], unknown(section)));
    else
      for (const [field, given] of Object.entries(group)) {
        const key = `${section}.${field}`;
        const wrong = problemOf(key, given);
        if (wrong === undefined) values.set(key, given);
        else problems.push(at([section, field], wrong));
      }
  }
  if (problems.length > 0) return { problems };
  const ordered = specKeys.flatMap(({ key }) => (values.has(key) ? [[key, values.get(key)] as const] : []));
  return { preset: { name, about: about === undefined ? '' : String(about), values: new Map(ordered) } };
}

function problemOf(key: string, value: unknown): string | undefined {
  if (findKey(key) === undefined) return unknown(key);
  const why = whyNotInPreset(key, value);
  if (why !== undefined) return `is no part of a preset: ${why}`;
  const checked = schemaOf(key)?.safeParse(value);
  return checked?.success === true ? undefined : (checked?.error.issues[0]?.message ?? unknown(key));
}

function unknown(key: string): string {
  const near = nearest(
    key,
    specKeys.map((known) => known.key),
  );
  return near === undefined ? 'no such setting' : `no such setting; did you mean ${near}?`;
}

function placeOf(tree: YamlTree, path: readonly string[]): { readonly line: number; readonly column: number } {
  const node = tree.nodes.get(pathKey(path))?.key;
  return { line: node?.line ?? 1, column: node?.column ?? 1 };
}

const isGroup = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The preset as a file that a person can change; reading it gives the same preset. */
export function renderPreset({ name, about, values }: OwnPreset): string {
  const lines = [
    '# A preset of your own: settings without pictures, paths and names.',
    `# Use it with:  visiontrain new FOLDER --preset ${name}`,
    `preset: ${PRESET_VERSION}`,
    ...(about === '' ? [] : [`about: ${JSON.stringify(about)}`]),
    `version: ${SPEC_VERSION}`,
  ];
  let section = '';
  for (const found of specKeys) {
    if (!values.has(found.key)) continue;
    if (found.section !== section) lines.push('', `${found.section}:`);
    section = found.section;
    lines.push(...keyLines(found, values.get(found.key), ''));
  }
  return `${lines.join('\n')}\n`;
}
