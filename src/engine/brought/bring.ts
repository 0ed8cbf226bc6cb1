/** Turns data sets that are no folder (archives, parquet files and repositories of a hub) into a folder of ours. */
import { basename, resolve } from 'node:path';
import { UsageError } from '../../base/errors.ts';
import { sha256OfFile } from '../../base/files/hash.ts';
import { statOf } from '../../base/files/stat.ts';
import type { RunSpec } from '../../spec/schema.ts';
import { type BringInput, StoreFolder } from './store.ts';
import { isBrought, unpackerOf } from './unpackers.ts';

const HUB = /^hf:(.+)$/u;

/**
 * The folder for a path: the path itself when it is a folder, else the folder into which it was unpacked or fetched.
 * @throws UsageError, DownloadError or EnvironmentError; the next call continues where this one stopped
 */
export async function broughtFolder(path: string, dir: string, bringing: BringInput): Promise<string> {
  const repository = HUB.exec(path)?.[1];
  if (repository !== undefined) return (await import('./hub.ts')).fetchDataset(repository, bringing);
  const full = resolve(dir, path);
  const found = statOf(full);
  if (!isBrought(path) || found?.isFile() !== true) return full;
  const unpack = await unpackerOf(path);
  if (unpack === undefined)
    throw new UsageError(`${full} is an archive of a kind that is not read.`, {
      id: 'dataset/archive-damaged',
      nextSteps: ['Unpack it and name the folder. zip, tar, tar.gz, tar.zst and parquet are read.'],
    });
  const { places, tools } = bringing;
  const sha256 = await sha256OfFile(full, undefined, tools.signal);
  const store = new StoreFolder(places, sha256, { name: basename(full).replace(/(\.tar)?\.[^.]+$/u, '') });
  if (store.isWhole) return store.files;
  store.begin();
  tools.phase(`unpacking ${full}`);
  const progress = (done: number, total: number) => tools.progress({ item: path, unit: 'bytes', done, total });
  const files = await unpack({ path: full, size: found.size, store, progress, signal: tools.signal });
  store.end({ archive: full, sha256, files });
  return store.files;
}

/** Replaces the paths of a spec's data sets. It is applied again when a spec is filled again. */
export type WithPaths = (spec: RunSpec) => RunSpec;

export interface BroughtDatasets {
  /** Replaces each data set by its folder. */
  readonly asFolders: WithPaths;
  /** Replaces each folder by the data set's name, files by absolute paths: the form for a run.yaml. */
  readonly asNamed: WithPaths;
}

/**
 * Brings all data sets of a spec.
 * @returns undefined where every one is already a folder
 */
export async function bringDatasets(
  spec: RunSpec,
  dir: string,
  bringing: BringInput,
): Promise<BroughtDatasets | undefined> {
  const { dataset, validation } = spec;
  const paths = [
    dataset.path,
    ...dataset.sources.map(({ path }) => path),
    dataset.regularisation?.path ?? null,
    validation.path,
  ];
  const folders = new Map<string, string>();
  for (const path of new Set(paths))
    if (path !== null && isBrought(path) && !path.startsWith(`${dataset.path}/`))
      folders.set(path, await broughtFolder(path, dir, bringing));
  const full = (path: string) => (HUB.test(path) ? path : resolve(dir, path));
  const root = folders.get(dataset.path);
  // A source or the masks may be a folder inside the data set itself: pictures.zip/10_fox.
  if (root !== undefined)
    for (const path of [
      ...dataset.sources.map((source) => source.path),
      dataset.masks?.from ?? '',
      validation.path ?? '',
    ])
      if (full(path).startsWith(`${full(dataset.path)}/`))
        folders.set(path, `${root}/${full(path).slice(full(dataset.path).length + 1)}`);
  if (folders.size === 0) return undefined;
  const names = [...folders].map(([path, folder]) => [folder, full(path)] as const);
  return { asFolders: withPaths(folders), asNamed: withPaths(new Map(names)) };
}

const withPaths = (paths: ReadonlyMap<string, string>): WithPaths => {
  const at = (path: string) => paths.get(path) ?? path;
  const orNull = (path: string | null) => (path === null ? null : at(path));
  return (given) => ({
    ...given,
    dataset: {
      ...given.dataset,
      path: at(given.dataset.path),
      masks: given.dataset.masks === null ? null : { ...given.dataset.masks, from: at(given.dataset.masks.from) },
      sources: given.dataset.sources.map((source) => ({ ...source, path: at(source.path) })),
      regularisation:
        given.dataset.regularisation === null
          ? null
          : { ...given.dataset.regularisation, path: orNull(given.dataset.regularisation.path) },
    },
    validation: { ...given.validation, path: orNull(given.validation.path) },
  });
};
