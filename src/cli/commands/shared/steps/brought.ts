/** Turns data sets that are archives or on a hub into folders before a command scans them, and shows progress. */

import { typedPath } from '../../../../base/typed-path.ts';
import { bringDatasets, broughtFolder, type WithPaths } from '../../../../engine/brought/bring.ts';
import { isBrought } from '../../../../engine/brought/unpackers.ts';
import type { FilledSpec } from '../../../../engine/prepare/fill.ts';
import type { Context } from '../../../shell/context.ts';
import { stepProgress } from './step-progress.ts';
import { stopSignals } from './stop-signals.ts';

const STOPPED = 'Stopped. What was fetched and unpacked is kept; the same command goes on from there.';

async function bringing<T>(
  context: Context,
  work: (tools: Parameters<typeof bringDatasets>[2]['tools']) => Promise<T>,
): Promise<T> {
  const stop = stopSignals(STOPPED);
  const progress = stepProgress(context);
  try {
    return await work({ ...progress.tools, signal: stop.signal });
  } finally {
    progress.end();
    stop.off();
  }
}

/**
 * Settings with a folder for each data set, and the way to name them as before; unchanged when all are folders
 * already.
 */
export async function withFolders<T extends FilledSpec & { readonly dir: string }>(
  input: T,
  context: Context,
): Promise<T & { readonly asNamed?: WithPaths }> {
  const { spec, dir, forImages } = input;
  const paths = [spec.dataset.path, ...spec.dataset.sources.map(({ path }) => path), spec.validation.path];
  if (![...paths, spec.dataset.regularisation?.path ?? null].some((path) => path !== null && isBrought(path)))
    return input;
  const { places, env } = context;
  const brought = await bringing(context, (tools) => bringDatasets(spec, dir, { places, env, tools }));
  if (brought === undefined) return input;
  return {
    ...input,
    spec: brought.asFolders(spec),
    forImages: forImages === undefined ? undefined : (images: number) => refilled(forImages(images), brought.asFolders),
    asNamed: brought.asNamed,
  };
}

const refilled = (filled: FilledSpec, asFolders: WithPaths): FilledSpec => ({
  ...filled,
  spec: asFolders(filled.spec),
});

/** The named folder, or the folder for an archive or an id of the hub. */
export async function namedFolder(folder: string, context: Context): Promise<string> {
  if (!isBrought(folder)) return folder;
  const { places, env } = context;
  const path = folder.startsWith('hf:') ? folder : typedPath(folder, '.');
  return bringing(context, (tools) => broughtFolder(path, '.', { places, env, tools }));
}
