/** Lists the files that a run needs and that are only on this machine, and how its run.yaml names them on the box. */

import { basename, dirname, extname, join, relative, resolve } from 'node:path';
import { UsageError } from '../../base/errors.ts';
import { statOf } from '../../base/files/stat.ts';
import type { Places } from '../../base/paths.ts';
import { findAsset, findBase } from '../../registry/catalogue/find.ts';
import { locateModel } from '../../registry/catalogue/locate.ts';
import type { Registry } from '../../registry/catalogue/schema.ts';
import type { RunSpec } from '../../spec/schema.ts';
import { isMaskFolder } from '../../spec/training/subject-keys.ts';
import { yamlValue } from '../../spec/write.ts';
import { isImage } from '../dataset/names.ts';
import { walkFolder } from '../dataset/walk.ts';

export interface PathToSend {
  /** Absolute path of a file or folder on this machine. */
  readonly path: string;
  /** Absolute paths of its files; a single one for a file. */
  readonly files: readonly string[];
}

export interface PathsToSend {
  readonly travellers: readonly PathToSend[];
  /** Texts for `--set` that name all files by their paths on the box. */
  readonly overrides: (placed: ReadonlyMap<string, string>) => readonly string[];
}

export interface TravelInput {
  readonly spec: RunSpec;
  /** Folder that relative paths in the spec start from. */
  readonly dir: string;
  readonly registry: Registry;
  readonly places: Places;
}

/** Extensions of files beside images that describe them. */
const BESIDE = new Set(['.txt', '.caption', '.json', '.jsonl', '.csv', '.parquet', '.tsv', '.tags']);
/** Extensions of files in a model's folder. */
const OF_MODEL = new Set(['.safetensors', '.json', '.txt', '.model', '.onnx', '.csv']);

/** The list of LoRAs to merge, with their paths on the box; empty where there are none. */
const mergedPaths = ({ model }: RunSpec, there: (path: string) => string) =>
  model.merge_loras.length === 0 ? [] : [model.merge_loras.map((lora) => ({ ...lora, path: there(lora.path) }))];

/** Keys with files that are set in a way of their own. */
const APART: ReadonlySet<string> = new Set(['training.init_lora', 'model.merge_loras']);

/**
 * Lists the files.
 * @throws UsageError for a path that cannot be sent
 */
export function travelOf(input: TravelInput): PathsToSend {
  const { spec, dir, places } = input;
  refuseLocalPrograms(spec);
  const { dataset, validation, training } = spec;
  const folder = (path: string | null | undefined) => (path == null ? [] : [resolve(dir, path)]);
  const masks = dataset.masks === null || !isMaskFolder(dataset.masks.from) ? null : dataset.masks.from;
  const images = [
    ...folder(dataset.path),
    ...dataset.sources.flatMap(({ path }) => folder(path)),
    ...folder(masks),
    ...folder(dataset.regularisation?.path),
    ...folder(validation.path),
  ];
  const endings = [dataset, ...dataset.sources].flatMap(({ caption_extension: one }) => one?.toLowerCase() ?? []);
  const isWanted = (name: string) =>
    isImage(name) ||
    BESIDE.has(extname(name).toLowerCase()) ||
    endings.some((ending) => name.toLowerCase().endsWith(ending));
  const models = modelPaths(input);
  // A folder inside another one is sent with it, and keeps its place in it.
  const roots = [...new Set(images)].filter((path) => !images.some((other) => isInside(path, other)));
  const travellers = [
    ...roots.map((path) => ({ path, files: filesOf(path, isWanted, places) })),
    ...[...new Set(models.values())].map((path) => ({
      path,
      files: filesOf(path, (name) => OF_MODEL.has(extname(name).toLowerCase()), places),
    })),
  ];
  return {
    travellers,
    overrides(placed) {
      const there = (path: string) => placeOf(resolve(dir, path), placed);
      const thereOrNull = (path: string | null) => (path === null ? null : there(path));
      const set = (key: string, value: unknown) => `${key}=${yamlValue(value)}`;
      return [
        set('dataset.path', there(dataset.path)),
        ...(dataset.sources.length === 0
          ? []
          : [
              set(
                'dataset.sources',
                dataset.sources.map((source) => ({ ...source, path: there(source.path) })),
              ),
            ]),
        ...(masks === null ? [] : [set('dataset.masks', { ...dataset.masks, from: there(masks) })]),
        ...(dataset.regularisation === null
          ? []
          : [
              set('dataset.regularisation', {
                ...dataset.regularisation,
                path: thereOrNull(dataset.regularisation.path),
              }),
            ]),
        ...mergedPaths(spec, there).map((value) => set('model.merge_loras', value)),
        ...(validation.path === null ? [] : [set('validation.path', there(validation.path))]),
        ...(training.init_lora === null ? [] : [set('training.init_lora', there(training.init_lora))]),
        ...[...models]
          .filter(([key]) => !APART.has(key.split('[')[0] ?? ''))
          .map(([key, path]) => set(key, there(path))),
      ];
    },
  };
}

/** Models on this machine, by the key that names them. Entries of the built-in list are fetched by the box itself. */
function modelPaths({ spec, dir, registry, places }: TravelInput): Map<string, string> {
  const found = new Map<string, string>();
  const { model, captions, training } = spec;
  const named: readonly (readonly [string, string | null])[] = [
    ['model.base', model.base],
    ['model.vae', model.vae],
    ...(captions.write === null ? [] : ([['captions.tagger', captions.tagger]] as const)),
    ...(captions.write === null ? [] : ([['captions.captioner', captions.captioner]] as const)),
    ['training.init_lora', training.init_lora],
    ...model.merge_loras.map(({ path }, i) => [`model.merge_loras[${i}]`, path] as const),
  ];
  for (const [key, name] of named) {
    if (name === null) continue;
    const entry = findBase(registry, name) ?? findAsset(registry, name);
    const path = resolve(dir, name);
    if (entry === undefined && statOf(path) !== undefined) found.set(key, path);
    if (entry?.added_in === undefined || !key.startsWith('model.')) continue;
    const local = locateModel(entry, places);
    if (!local.ready)
      throw new UsageError(`${name} is an entry of your own, and its file is not here to be sent.`, {
        id: 'box/not-there',
        nextSteps: [`visiontrain models pull ${name}`],
      });
    found.set(key, local.path);
  }
  return found;
}

/**
 * Refuses hooks that name a program by its path, since programs are not sent.
 * @throws UsageError
 */
function refuseLocalPrograms({ hooks }: RunSpec): void {
  for (const [name, list] of Object.entries(hooks))
    for (const { run } of list) {
      const program = typeof run === 'string' ? run.trim() : (run[0] ?? '');
      if (!/^\.{1,2}\//.test(program)) continue;
      throw new UsageError(`hooks.${name} runs ${program}, which is only on this machine.`, {
        id: 'box/not-there',
        nextSteps: ['Put it on the box, and name it there by its whole path.'],
      });
    }
}

const isInside = (path: string, folder: string): boolean => {
  const way = relative(folder, path);
  return way !== '' && !way.startsWith('..') && !way.startsWith('/');
};

function filesOf(path: string, isWanted: (name: string) => boolean, { home }: Places): string[] {
  const found = statOf(path);
  if (found === undefined)
    throw new UsageError(`${path} is not there, so it cannot be sent.`, {
      id: 'box/not-there',
      nextSteps: ['Mend the path in run.yaml, or with --set.'],
    });
  if (!found.isDirectory()) return [path];
  const { folders } = walkFolder(path, { own: [home] });
  return folders.flatMap((one) => one.files.filter(isWanted).map((name) => join(path, one.path, name))).sort();
}

/** The path on the box for a path of this machine: its own place, or one inside a folder that was sent. */
function placeOf(path: string, placed: ReadonlyMap<string, string>): string {
  for (let at = path; ; at = dirname(at)) {
    const there = placed.get(at);
    if (there !== undefined) return at === path ? there : `${there}/${relative(at, path)}`;
    if (dirname(at) === at) return path;
  }
}

/** Name of a sent folder or file on the box. */
export const travelName = (path: string): string => basename(path) || 'root';
