/**
 * Turns the settings of captions into methods: the models that write them, their folders, and the key under which
 * results are stored.
 */

import { join, resolve } from 'node:path';
import { UsageError } from '../../base/errors.ts';
import { sha256OfFile, sha256OfText } from '../../base/files/hash.ts';
import { statOf } from '../../base/files/stat.ts';
import type { Places } from '../../base/paths.ts';
import { findAsset } from '../../registry/catalogue/find.ts';
import { findEntry } from '../../registry/catalogue/load.ts';
import { locateModel } from '../../registry/catalogue/locate.ts';
import type { AssetEntry, ModelFile, Registry } from '../../registry/catalogue/schema.ts';
import type { CaptionSettings } from './compose.ts';

/** One way of writing captions, in the form that the worker reads. */
export interface Method {
  readonly kind: 'tags' | 'sentence' | 'endpoint';
  /** Folder name of the results. The key changes with everything that changes a result. */
  readonly key: string;
  /** Name of the model, for people. */
  readonly name: string;
  readonly settings: Readonly<Record<string, unknown>>;
  /** The registry's entry; undefined for a folder of the person's own and for an endpoint. */
  readonly entry: AssetEntry | undefined;
}

export interface MethodInput {
  readonly settings: CaptionSettings;
  /** Folder that relative paths start from. */
  readonly dir: string;
  readonly registry: Registry;
  readonly places: Places;
}

/** Seconds that an endpoint may take for one image: large models on small machines take minutes. */
const ENDPOINT_SECONDS = 300;
const ENDPOINT_TOKENS = 400;
/** Must be raised when the worker prepares images differently, or reads answers differently. */
const WORKER = 1;

/**
 * The methods for the settings; none when `write` is null.
 * @throws UsageError for a name of no suitable model
 */
export async function captionMethods(input: MethodInput): Promise<readonly Method[]> {
  const { write } = input.settings;
  if (write === null) return [];
  if (write === 'endpoint') return [endpointMethod(input.settings)];
  const tags = write === 'sentences' ? [] : [await tagMethod(input)];
  return write === 'tags' ? tags : [...tags, await sentenceMethod(input)];
}

async function tagMethod(input: MethodInput): Promise<Method> {
  const name = input.settings.tagger;
  const folder = ownFolder(name, input, ['model.onnx', 'selected_tags.csv']);
  if (folder !== undefined) {
    const [model, labels] = [join(folder, 'model.onnx'), join(folder, 'selected_tags.csv')];
    const key = keyOf('tags', [await sha256OfFile(model), await sha256OfFile(labels)]);
    return { kind: 'tags', key, name: shortName(name), settings: { model, labels, input: '' }, entry: undefined };
  }
  const entry = assetOf(name, 'tagger', input);
  const place = join(locateModel(entry, input.places).path);
  const weights = fileOf(entry, (file) => file.role === 'weights');
  const labels = fileOf(entry, (file) => file.path.endsWith('.csv'));
  const words = entry.input ?? '';
  return {
    kind: 'tags',
    key: keyOf('tags', [weights.sha256, labels.sha256, words]),
    name: entry.id,
    settings: { model: at(place, weights), labels: at(place, labels), input: words },
    entry,
  };
}

async function sentenceMethod(input: MethodInput): Promise<Method> {
  const { captioner: name, length } = input.settings;
  const folder = ownFolder(name, input, ['model.safetensors', 'config.json']);
  if (folder !== undefined) {
    const files = ['model.safetensors', 'config.json'].map((file) => sha256OfFile(join(folder, file)));
    const key = keyOf('text', [...(await Promise.all(files)), length]);
    return { kind: 'sentence', key, name: shortName(name), settings: { folder, length }, entry: undefined };
  }
  const entry = assetOf(name, 'captioner', input);
  const weights = fileOf(entry, (file) => file.role === 'weights');
  return {
    kind: 'sentence',
    key: keyOf('text', [weights.sha256, length]),
    name: entry.id,
    settings: { folder: locateModel(entry, input.places).path, length },
    entry,
  };
}

function endpointMethod({ endpoint, endpoint_model, prompt }: CaptionSettings): Method {
  if (endpoint === null || endpoint_model === '')
    throw new UsageError('An endpoint needs its address and the name of a model.', {
      id: 'captions/method',
      nextSteps: ['--endpoint http://localhost:11434/v1 --model NAME'],
    });
  return {
    kind: 'endpoint',
    key: keyOf('text', [endpoint, endpoint_model, prompt]),
    name: endpoint_model,
    settings: {
      url: endpoint,
      model: endpoint_model,
      prompt,
      timeout_s: ENDPOINT_SECONDS,
      max_tokens: ENDPOINT_TOKENS,
      key_env: null,
    },
    entry: undefined,
  };
}

/**
 * The folder that a name means when it is no id of the registry.
 * @throws UsageError when files are missing in it
 */
function ownFolder(name: string, { dir, registry }: MethodInput, files: readonly string[]): string | undefined {
  if (findAsset(registry, name) !== undefined) return undefined;
  const folder = resolve(dir, name);
  if (statOf(folder)?.isDirectory() !== true) return undefined;
  const missing = files.filter((file) => statOf(join(folder, file))?.isFile() !== true);
  if (missing.length === 0) return folder;
  throw new UsageError(
    `${name} cannot write captions: ${missing.join(' and ')} ${missing.length === 1 ? 'is' : 'are'} not in it.`,
    { id: 'captions/method', nextSteps: ['See the models that can: visiontrain models list'] },
  );
}

function assetOf(name: string, kind: AssetEntry['kind'], { registry }: MethodInput): AssetEntry {
  const entry = findEntry(registry, name);
  if (entry.kind === kind) return entry as AssetEntry;
  const names = registry.assets.flatMap((one) => (one.kind === kind ? [one.id] : []));
  throw new UsageError(`${name} is a ${entry.kind === 'base' ? 'base model' : entry.kind}, not a ${kind}.`, {
    id: 'captions/method',
    details: [`There are: ${names.join(', ')}`],
    nextSteps: [`Name one of them:  --set captions.${kind}=${names[0]}`],
  });
}

function fileOf(entry: AssetEntry, wanted: (file: ModelFile) => boolean): ModelFile {
  const file = entry.files.find(wanted);
  if (file !== undefined) return file;
  throw new UsageError(
    `The entry ${entry.id} of the registry lacks a file: a tagger has its model and selected_tags.csv.`,
    { id: 'captions/method' },
  );
}

const at = (folder: string, file: ModelFile): string => file.local ?? join(folder, ...file.path.split('/'));
const shortName = (name: string): string => name.replace(/\/+$/u, '').split('/').at(-1) ?? name;

const keyOf = (kind: 'tags' | 'text', parts: readonly unknown[]): string =>
  `${kind}-${sha256OfText(JSON.stringify([WORKER, ...parts])).slice(0, 24)}`;
