/** Decides where each file that a run reads is placed in its bundle. Pure. */

import { basename, extname, isAbsolute, resolve } from 'node:path';
import type { RunSpec } from '../../spec/schema.ts';
import { hooksSchema } from '../../spec/sections/hooks.ts';
import { isMaskFolder } from '../../spec/training/subject-keys.ts';
import type { Plan } from '../plan/schema.ts';
import { DATA_FOLDERS } from './manifest.ts';

interface Folder {
  /** Absolute path on this machine. */
  readonly from: string;
  /** Path in the bundle. */
  readonly to: string;
}

/** The folders that a spec with absolute paths names, with their places in a bundle; inner folders first. */
function foldersOf(spec: RunSpec): readonly Folder[] {
  const { path: root, sources, regularisation, masks } = spec.dataset;
  const isInside = (path: string) => path === root || path.startsWith(`${root}/`);
  const outside = sources.filter(({ path }) => !isInside(path));
  const own = (kind: string, path: string | null | undefined) =>
    path === null || path === undefined || isInside(path) ? [] : [{ from: path, to: `${kind}/${basename(path)}` }];
  const ofMasks = masks === null || !isMaskFolder(masks.from) ? null : masks.from;
  const all = [
    { from: root, to: DATA_FOLDERS.images },
    ...outside.flatMap(({ path }, i) => own(`${DATA_FOLDERS.sources}/${i + 1}`, path)),
    ...own(DATA_FOLDERS.regularisation, regularisation?.path),
    ...own(DATA_FOLDERS.validation, spec.validation.path),
    ...own(DATA_FOLDERS.masks, ofMasks),
  ];
  return all.toSorted((a, b) => b.from.length - a.from.length);
}

/**
 * Returns the function that gives the place in the bundle of a file or folder on this machine; undefined for a path in
 * no folder of the spec.
 */
export function placeFinder(spec: RunSpec): (path: string) => string | undefined {
  const folders = foldersOf(spec);
  return (path) => {
    const full = resolve(spec.dataset.path, path);
    const folder = folders.find(({ from }) => full === from || full.startsWith(`${from}/`));
    return folder === undefined ? undefined : folder.to + full.slice(folder.from.length);
  };
}

/**
 * Place of a mask that a model made, which is in no folder of the spec: under the path of its image, as in a folder of
 * masks.
 */
export function madeMaskPlace(spec: RunSpec, image: string): string {
  const place = placeFinder(spec)(image) ?? basename(image);
  const inside = place.startsWith(`${DATA_FOLDERS.images}/`) ? place.slice(DATA_FOLDERS.images.length + 1) : place;
  return `${DATA_FOLDERS.masks}/${inside.slice(0, inside.length - extname(inside).length)}.png`;
}

/**
 * The spec with paths relative to the bundle. Keys about this machine that change no trained byte are left out:
 * commands, projects of trackers, and the server that wrote captions (the plan has those captions).
 * @param isModelId whether a name is an id of the registry
 */
export function bundledSpec(spec: RunSpec, isModelId: (name: string) => boolean): RunSpec {
  const place = placeFinder(spec);
  const at = (path: string) => `./${place(path) ?? basename(path)}`;
  const named = (name: string) => (isModelId(name) ? name : basename(name));
  const { dataset, model, captions, training, validation } = spec;
  const { masks, regularisation } = dataset;
  const masksFrom = (from: string) =>
    from === 'made' ? `./${DATA_FOLDERS.masks}` : isMaskFolder(from) ? at(from) : from;
  return {
    ...spec,
    dataset: {
      ...dataset,
      path: at(dataset.path),
      sources: dataset.sources.map((source) => ({ ...source, path: at(source.path) })),
      masks: masks === null ? null : { ...masks, from: masksFrom(masks.from) },
      regularisation:
        regularisation === null
          ? null
          : { ...regularisation, path: regularisation.path === null ? null : at(regularisation.path) },
    },
    captions: {
      ...captions,
      tagger: named(captions.tagger),
      captioner: named(captions.captioner),
      write: captions.write === 'endpoint' ? 'sentences' : captions.write,
      endpoint: null,
      endpoint_model: '',
    },
    model: {
      ...model,
      base: named(model.base),
      vae: model.vae === null ? null : named(model.vae),
      merge_loras: model.merge_loras.map((lora, i) => ({ ...lora, path: `./${mergedPlace(lora.path, i)}` })),
    },
    validation: { ...validation, path: validation.path === null ? null : at(validation.path) },
    training: {
      ...training,
      init_lora: training.init_lora === null ? null : `./${startPlace(training.init_lora)}`,
    },
    hooks: hooksSchema.parse({}),
    logging: { ...spec.logging, trackers: [] },
  };
}

/** Place in the bundle of the LoRA from which the training starts. */
export const startPlace = (path: string): string => `${DATA_FOLDERS.start}/${basename(path)}`;

/** Place in the bundle of a LoRA that is merged into the base; the number distinguishes files of the same name. */
export const mergedPlace = (path: string, index: number): string =>
  `${DATA_FOLDERS.start}/merged-${index + 1}-${basename(path)}`;

/**
 * The plan with paths of the bundle, so that it shows nothing of this machine. Paths inside the data set stay relative
 * to it.
 */
export function bundledPlan(plan: Plan, spec: RunSpec): Plan {
  const place = placeFinder(spec);
  const at = (path: string) => (isAbsolute(path) ? (place(path) ?? basename(path)) : path);
  const { model, training } = plan;
  return {
    ...plan,
    model: {
      ...model,
      path: basename(model.path),
      config_dir: model.config_dir === null ? null : basename(model.config_dir),
      vae_path: model.vae_path === null ? null : basename(model.vae_path),
      merge_loras: model.merge_loras.map((lora, i) => ({ ...lora, path: mergedPlace(lora.path, i) })),
    },
    data: {
      ...plan.data,
      root: DATA_FOLDERS.images,
      images: plan.data.images.map((sample) => ({
        ...sample,
        path: at(sample.path),
        mask:
          sample.mask === null
            ? null
            : {
                ...sample.mask,
                path:
                  spec.dataset.masks?.from === 'made'
                    ? madeMaskPlace(spec, resolve(plan.data.root, sample.path))
                    : at(sample.mask.path),
              },
      })),
    },
    training: { ...training, init_lora: training.init_lora === null ? null : startPlace(training.init_lora) },
    resources: { ...plan.resources, cache_dir: 'cache' },
  };
}
