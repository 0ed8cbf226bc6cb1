import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { UsageError } from '../../base/errors.ts';
import { isDenied, readProblem } from '../../base/files/fs-errors.ts';
import { nearest } from '../../base/nearest.ts';
import { plural } from '../../base/text.ts';
import { shellWord } from '../../base/typed-path.ts';
import type { Scan } from './types.ts';

/** Image formats that cannot be read here, each with what to do about it. */
const CURES = new Map([
  ['.jxl', 'JPEG XL cannot be read here. Convert it first:   mogrify -format png *.jxl'],
  ['.psd', 'PSD cannot be read here: export the pictures as PNG.'],
  ['.zip', 'Unpack the archive first:   unzip NAME.zip -d pictures'],
]);

/** Sentences about images in a format that cannot be read, each with the way to convert them. */
export function convertible(others: Scan['others']): string[] {
  return ['.jxl', '.psd'].flatMap((extension) => {
    const count = others[extension] ?? 0;
    return count === 0 ? [] : [`${plural(count, `${extension} file`)} not used: ${CURES.get(extension) ?? ''}`];
  });
}

/** The error for a root that cannot be opened. */
export function noFolder(root: string, error: unknown): UsageError {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') {
    const near = nearFolder(root);
    return new UsageError(`There is no folder ${root}.`, {
      id: 'dataset/no-folder',
      nextSteps: [
        near === undefined ? `See what is there:   ls ${shellWord(nearestAbove(root))}` : `Did you mean ${near}?`,
      ],
      cause: error,
    });
  }
  if (code === 'ENOTDIR')
    return new UsageError(`${root} is a file; a data set is a folder with pictures.`, {
      id: 'dataset/no-folder',
      nextSteps: [`Did you mean ${dirname(root)}?`],
      cause: error,
    });
  if (isDenied(error))
    return new UsageError(`The folder ${root} ${readProblem(error, 'opened')}.`, {
      id: 'dataset/closed',
      nextSteps: [`Look at its rights:   ls -ld ${shellWord(root)}`],
      cause: error,
    });
  return new UsageError(`The folder ${root} ${readProblem(error, 'opened')}.`, { id: 'dataset/closed', cause: error });
}

function nearFolder(root: string): string | undefined {
  try {
    const names = readdirSync(dirname(root), { withFileTypes: true }).flatMap((e) => (e.isDirectory() ? [e.name] : []));
    const near = nearest(basename(root), names);
    return near === undefined ? undefined : join(dirname(root), near);
  } catch {
    return undefined;
  }
}

/** The error for a folder without a usable image. */
export function noImages(root: string, { others, otherCaptions, leftOut, notes }: Omit<Scan, 'folders'>): UsageError {
  const counts = new Map(Object.entries(others));
  for (const [extension, count] of Object.entries(otherCaptions))
    counts.set(extension, (counts.get(extension) ?? 0) + count);
  const total = leftOut.length + [...counts.values()].reduce((sum, count) => sum + count, 0);
  const kinds = [...counts]
    .sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
    .map(([extension, count]) => `${count} ${extension === '' ? 'without an ending' : extension}`);
  if (leftOut.length > 0) kinds.unshift(plural(leftOut.length, 'unusable picture'));
  const cures = [...counts.keys()].flatMap((extension) => CURES.get(extension) ?? []);
  return new UsageError(`The folder ${root} has no pictures we can read.`, {
    id: 'dataset/empty',
    details: [
      total === 0
        ? notes.length === 0
          ? 'It is empty.'
          : 'No image is left of what it holds.'
        : `It holds ${plural(total, 'file')}: ${kinds.slice(0, 6).join(', ')}.`,
      ...leftOut.slice(0, 5).map(({ path, problem }) => `${path} ${problem}`),
      ...notes.slice(0, 5),
    ],
    nextSteps:
      cures.length > 0 ? cures : ['Pictures are .jpg, .png, .webp (also .bmp, .gif, .tif), in any sub-folders.'],
  });
}

/** The nearest folder above a path that exists. */
function nearestAbove(path: string): string {
  const above = dirname(path);
  return above === path || existsSync(above) ? above : nearestAbove(above);
}
