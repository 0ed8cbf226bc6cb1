/**
 * Reads a settings file of another trainer into words and values. Nothing in it is run; the trainer is recognised by
 * the form of the file.
 */
import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse as parseToml, TomlError } from 'smol-toml';
import { UsageError } from '../../base/errors.ts';
import { readGiven } from '../../base/files/regular-file.ts';
import { readSafetensorsHeader } from '../../registry/checkpoints/safetensors.ts';
import { plainName } from '../../spec/foreign.ts';
import { decodeText } from '../../spec/read-text.ts';
import { parseYaml } from '../../spec/yaml-tree.ts';
import { ARGUMENTS, argumentsOf, argumentsOfJson, isGroup, oneRate, optimizerPairs } from './arguments.ts';
import type { ForeignPair } from './line.ts';
import { type SettingsInMetadata, settingsInMetadata } from './our-words.ts';

export type TrainerName =
  | 'sd-scripts'
  | 'kohya_ss'
  | 'OneTrainer'
  | 'LoRA_Easy'
  | 'lora-scripts'
  | 'ai-toolkit'
  | 'a LoRA';

export interface ForeignFile {
  readonly trainer: TrainerName;
  readonly pairs: readonly ForeignPair[];
  /** Our own settings in a LoRA of ours; undefined for other files. */
  readonly ours?: SettingsInMetadata | undefined;
}

/** Most bytes of such a file, and the most words and the deepest nesting of one. */
const MOST_BYTES = 16 << 20;
const MOST_PAIRS = 20_000;
const MOST_DEPTH = 12;

/**
 * Reads a file.
 * @throws UsageError when it is no settings file of a known trainer, or damaged
 */
export function readForeign(path: string): ForeignFile {
  if (/\.safetensors$/iu.test(path)) return ofLora(path);
  try {
    return ofDocument(path);
  } catch (error) {
    if (error instanceof TooMuchError)
      throw unreadable(path, `holds more than ${MOST_PAIRS} words, or groups ${MOST_DEPTH} deep`, error);
    throw error;
  }
}

function ofDocument(path: string): ForeignFile {
  const document = parsed(path);
  const trainer = trainerOf(document, path);
  const pairs = flat(document);
  // sd-scripts keeps the data set in a separate file.
  const other = pairs.find(({ name, value }) => name === 'dataset_config' && typeof value === 'string' && value !== '');
  const dataset = other === undefined ? '' : resolve(dirname(path), String(other.value));
  if (other === undefined || !existsSync(dataset)) return { trainer, pairs };
  return { trainer, pairs: [...pairs.filter((pair) => pair !== other), ...flat(parsed(dataset))] };
}

/**
 * Whether a file is a settings file of another trainer, or a LoRA, and no run.yaml. A file that cannot be read counts
 * as a run.yaml.
 */
export function isTrainerFile(path: string): boolean {
  if (/\.(?:toml|safetensors)$/iu.test(path)) return true;
  try {
    const document = parsed(path);
    if (Object.hasOwn(document, 'job') && Object.hasOwn(document, 'config')) return true;
    return /\.json$/iu.test(path) && !(Object.hasOwn(document, 'dataset') && Object.hasOwn(document, 'model'));
  } catch {
    return /\.json$/iu.test(path);
  }
}

type Document = Readonly<Record<string, unknown>>;

function parsed(path: string): Document {
  const read = decodeText(readGiven(path, MOST_BYTES));
  if ('problem' in read) throw unreadable(path, read.problem + (read.line === undefined ? '' : ` (line ${read.line})`));
  const { text } = read;
  const value = /\.toml$/iu.test(path) ? toml(path, text) : jsonOrYaml(path, text);
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Document;
  throw unreadable(path, 'holds no settings');
}

function toml(path: string, text: string): unknown {
  try {
    return parseToml(text);
  } catch (error) {
    const at = error instanceof TomlError ? ` (line ${error.line})` : '';
    const why = (error as Error).message.split('\n')[0]?.replace(/^Invalid TOML document: /u, '');
    throw unreadable(path, `is no TOML: ${why}${at}`, error);
  }
}

function jsonOrYaml(path: string, text: string): unknown {
  if (text.trimStart().startsWith('{'))
    try {
      return JSON.parse(text);
    } catch (error) {
      throw unreadable(path, `is no JSON: ${jsonProblem(text, (error as Error).message)}`, error);
    }
  const { value, problems } = parseYaml(text);
  const [first] = problems;
  if (first !== undefined) throw unreadable(path, `is no YAML (line ${first.line}: ${first.message})`);
  return value;
}

/** The parser's message with the line where it stopped, and without the text around it. */
function jsonProblem(text: string, message: string): string {
  // Python writes NaN, which is no JSON, and the parser does not say where it is.
  const strange = /[:[,]\s*-?(?:NaN|Infinity)\b/u.exec(text);
  const at = Number(/position (\d+)/u.exec(message)?.[1] ?? (strange === null ? Number.NaN : strange.index));
  const why = message.replace(/ in JSON at position.*$| *\(line.*$|, "?\.*.*is not valid JSON$/su, '');
  return Number.isNaN(at) ? why : `${why} (line ${text.slice(0, at).split('\n').length})`;
}

const unreadable = (path: string, why: string, cause?: unknown) =>
  new UsageError(`${path} ${why}.`, {
    id: 'import/unreadable',
    nextSteps: [
      'Taken are settings of sd-scripts, kohya_ss, OneTrainer, LoRA_Easy, lora-scripts, ai-toolkit, and any LoRA.',
    ],
    cause,
  });

function trainerOf(document: Document, path: string): TrainerName {
  const has = (key: string) => Object.hasOwn(document, key);
  if (has('job') && has('config')) return 'ai-toolkit';
  if (has('training_method') || has('concept_file_name') || has('__version')) return 'OneTrainer';
  if (has('LoRA_type') || has('additional_parameters') || has('max_resolution')) return 'kohya_ss';
  if (has('general_args') || has('network_args') || has('subsets'))
    return Array.isArray(document.network_args) ? 'sd-scripts' : 'LoRA_Easy';
  // A template of lora-scripts has its settings below a heading.
  if (has('model_train_type') || (has('metadata') && has('data'))) return 'lora-scripts';
  const words = flat(document).map(({ name }) => name);
  if (words.some((word) => KNOWN.has(word))) return 'sd-scripts';
  throw unreadable(path, 'is no settings file of a trainer that is known here');
}

const KNOWN: ReadonlySet<string> = new Set([
  'network_dim',
  'train_data_dir',
  'pretrained_model_name_or_path',
  'network_module',
  'image_dir',
  'optimizer_type',
  'max_train_steps',
]);

/** Thrown when a document holds more than any settings file does. */
class TooMuchError extends Error {}

/** Every word of the document with a plain value, groups flattened. */
function flat(document: Document): ForeignPair[] {
  const pairs: ForeignPair[] = [];
  const add = (value: unknown, path: readonly string[]): void => {
    if (pairs.length >= MOST_PAIRS || path.length > MOST_DEPTH) throw new TooMuchError();
    const name = plainName(path.at(-1) ?? '');
    if (isGroup(value)) for (const [key, inner] of Object.entries(value)) add(inner, [...path, key]);
    else if (Array.isArray(value) && value.some(isGroup))
      for (const [i, inner] of value.entries()) add(inner, [...path, String(i + 1)]);
    else if (ARGUMENTS.has(name)) for (const [key, inner] of argumentsOf(value)) add(inner, [...path, key]);
    else
      pairs.push({
        name,
        value,
        where: path.join('.'),
        group:
          path
            .slice(0, -1)
            .filter((part) => !/^\d+$/u.test(part))
            .map(plainName)
            .at(-1) ?? '',
      });
  };
  for (const [key, value] of Object.entries(document)) add(value, [key]);
  return pairs;
}

/** Reads the metadata that sd-scripts and similar trainers write into a LoRA. */
function ofLora(path: string): ForeignFile {
  const { metadata } = readSafetensorsHeader(path);
  const words = Object.entries(metadata).filter(([key]) => key.startsWith('ss_'));
  if (words.length === 0) throw unreadable(path, 'does not tell how it was trained: its metadata has no ss_ keys');
  const pairs = words.flatMap(([key, value]): ForeignPair[] => {
    const name = RENAMED[key] ?? plainName(key.slice(3));
    const inside = name === 'network_args' ? argumentsOfJson(value) : undefined;
    // A text that cannot be split is kept as one value.
    if (inside !== undefined)
      return inside.map(([inner, given]) => ({
        name: plainName(inner),
        value: given,
        where: `${key}.${inner}`,
        group: name,
      }));
    if (name === 'optimizer_type') return optimizerPairs(key, value);
    const plain =
      name === 'resolution' ? value.replace(/[()\s]/gu, '') : name === 'text_encoder_lr' ? oneRate(value) : value;
    return [{ name, value: plain, where: key, group: '' }];
  });
  return { trainer: 'a LoRA', pairs, ours: settingsInMetadata(metadata) };
}

const RENAMED: Readonly<Record<string, string>> = {
  ss_optimizer: 'optimizer_type',
  ss_max_train_steps: 'max_train_steps',
  ss_batch_size_per_device: 'train_batch_size',
  ss_base_model_version: 'base_model_version',
  ss_sd_model_name: 'sd_model_name',
  ss_output_name: 'output_name',
};
