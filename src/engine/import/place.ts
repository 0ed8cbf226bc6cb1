/** Finds the images and the base model of an imported file on this machine. */
import { existsSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { UsageError } from '../../base/errors.ts';
import { findBase } from '../../registry/catalogue/find.ts';
import type { Registry } from '../../registry/catalogue/schema.ts';
import type { ImportLine } from './line.ts';
import type { MappedSettings } from './map.ts';

type Values = Map<string, unknown>;

export interface ImportOptions {
  readonly registry: Registry;
  /** Folder with the images, in place of the file's. */
  readonly folder?: string | undefined;
  /** Base model, in place of the file's. */
  readonly base?: string | undefined;
}

/**
 * Finds the images.
 * @throws UsageError when the file's images are not on this machine, and no folder was named
 */
export function placeImages(values: Values, path: string, { folder }: ImportOptions, lost: ImportLine[]): void {
  const theirs = values.get('dataset.path');
  const here = typeof theirs === 'string' && theirs !== '' ? resolve(dirname(path), theirs) : undefined;
  const regularisation = values.get('dataset.regularisation') as { path?: string } | undefined;
  if (regularisation?.path !== undefined && !existsSync(resolve(dirname(path), regularisation.path))) {
    values.delete('dataset.regularisation');
    lost.push({ theirs: 'regularisation pictures', ours: null, why: `${regularisation.path} is not on this machine` });
  }
  placeSources(values, path, lost);
  if (folder !== undefined) values.set('dataset.path', folder);
  else if (here !== undefined && existsSync(here)) values.set('dataset.path', here);
  else
    throw new UsageError(
      here === undefined
        ? `${basename(path)} does not say where the pictures are.`
        : `The pictures of ${basename(path)} are not here: ${String(theirs)}.`,
      { id: 'import/pictures', nextSteps: [`visiontrain new FOLDER --from ${basename(path)}`] },
    );
}

/**
 * Finds the base model.
 * @throws UsageError when that of the file is unknown here, and none was named
 */
export function placeBase(
  values: Values,
  path: string,
  { registry, base }: ImportOptions,
  { mapped, changed }: { readonly mapped: MappedSettings; readonly changed: ImportLine[] },
): void {
  if (base !== undefined) return void values.set('model.base', base);
  const named = values.get('model.base');
  const theirs = [...(typeof named === 'string' ? [named] : []), ...mapped.base];
  const file = typeof named === 'string' ? resolve(dirname(path), named) : '';
  if (typeof named === 'string' && findBase(registry, named) !== undefined) return;
  if (typeof named === 'string' && named !== '' && existsSync(file)) return void values.set('model.base', file);
  const id = KNOWN_BASES.find(([pattern]) => theirs.some((text) => pattern.test(text)))?.[1];
  if (id === undefined || findBase(registry, id) === undefined)
    throw new UsageError(
      `The base model of ${basename(path)} is not known here: ${theirs.join(', ') || 'it names none'}.`,
      {
        id: 'import/base',
        nextSteps: [
          `visiontrain new FOLDER --from ${basename(path)} --base sdxl`,
          'visiontrain models list   shows which there are; a path to a file works too',
        ],
      },
    );
  values.set('model.base', id);
  changed.push({
    theirs: theirs[0] ?? '',
    ours: `model.base: ${id}`,
    why: 'the entry of that name here; --base names another',
  });
}

/** Names that people give base models; longer, more specific ones first. */
const KNOWN_BASES: readonly (readonly [RegExp, string])[] = [
  [/noob.*v.?pred/iu, 'noobai-vpred'],
  [/noob/iu, 'noobai'],
  [/illustrious/iu, 'illustrious'],
  [/pony/iu, 'pony'],
  [/sd_?xl|stable-diffusion-xl/iu, 'sdxl'],
  [/sd_?v1|v1-5|stable-diffusion-v1|sd15|animefull/iu, 'sd15'],
];

/** Keeps the further folders that a file names if they are on this machine. */
function placeSources(values: Values, path: string, lost: ImportLine[]): void {
  const sources = values.get('dataset.sources') as readonly { readonly path: unknown }[] | undefined;
  if (sources === undefined) return;
  const placed = sources.map((source) => ({ ...source, path: resolve(dirname(path), String(source.path)) }));
  const here = placed.filter((source) => existsSync(source.path));
  for (const [i, source] of sources.entries())
    if (!here.includes(placed[i] ?? { path: '' }))
      lost.push({ theirs: `the folder ${String(source.path)}`, ours: null, why: 'it is not on this machine' });
  if (here.length === 0) values.delete('dataset.sources');
  else values.set('dataset.sources', here);
}
