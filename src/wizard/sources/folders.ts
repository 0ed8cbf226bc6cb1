/** Suggests folders while a path is being typed, with their numbers of images. No image is opened. */
import { readdir, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { absolute } from '../../base/paths.ts';
import { plural } from '../../base/text.ts';
import { isUnpacked } from '../../engine/brought/unpackers.ts';
import { isImage } from '../../engine/dataset/names.ts';
import { isPassedOver } from '../../engine/dataset/walk.ts';
import type { Suggestion } from '../questions/question.ts';

/**
 * Most names that are read, and (below) most folders that are opened, for one folder: somebody who types must not
 * wait.
 */
const MOST_NAMES = 20_000;
const MOST_FOLDERS = 16;
const LISTED = 40;

interface Count {
  readonly images: number;
  readonly captions: number;
  /** Number of folders directly inside. */
  readonly folders: number;
  /** Whether there may be more than was counted. */
  readonly open: boolean;
}

/**
 * Counts the contents of a folder and its sub-folders, as a data set would use them. Links to folders are not
 * followed. Folders that cannot be read count as empty.
 */
export async function countImages(root: string, most = MOST_FOLDERS): Promise<Count> {
  const count = { images: 0, captions: 0, folders: 0 };
  const queue = [root];
  let names = 0;
  for (let opened = 0; opened < most && names < MOST_NAMES; opened += 1) {
    const folder = queue.shift();
    if (folder === undefined) break;
    for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
      names += 1;
      if (names > MOST_NAMES) break;
      if (isPassedOver(entry.name)) continue;
      if (entry.isDirectory()) {
        queue.push(join(folder, entry.name));
        if (folder === root) count.folders += 1;
      } else if (isImage(entry.name)) count.images += 1;
      else if (entry.name.endsWith('.txt')) count.captions += 1;
    }
  }
  return { ...count, open: queue.length > 0 || names > MOST_NAMES };
}

/** Paths that the typed text can become. They are written as the person writes them: with `~`, relative or absolute. */
export async function suggestPaths(
  typed: string,
  kind: 'pictures' | 'model' | 'file',
  cwd: string,
): Promise<Suggestion[]> {
  const cut = typed.lastIndexOf('/') + 1;
  const base = typed.slice(0, cut);
  const start = typed.slice(cut).toLowerCase();
  const folder = placeWhileTyped(typed === '~' ? '~/' : base === '' ? '.' : base, cwd);
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const wanted = entries
    .filter(({ name }) => name.toLowerCase().startsWith(start) && (start.startsWith('.') || !name.startsWith('.')))
    .sort((a, b) => a.name.localeCompare(b.name))
    .slice(0, 400);
  const found: Suggestion[] = [];
  for (const entry of wanted) {
    if (found.length === LISTED) break;
    const path = join(folder, entry.name);
    const isFolder =
      entry.isDirectory() || (entry.isSymbolicLink() && (await stat(path).catch(() => null))?.isDirectory());
    if (isFolder)
      found.push({ value: `${base}${entry.name}/`, note: kind === 'pictures' ? note(await countImages(path)) : '' });
    else if (kind === 'pictures' && isUnpacked(entry.name))
      found.push({ value: `${base}${entry.name}`, note: 'archive' });
    else if (kind === 'model' && /\.safetensors$/i.test(entry.name))
      found.push({ value: `${base}${entry.name}`, note: '' });
  }
  return found;
}

/** The absolute path for a text that is still being typed. The text need not be a valid path yet. */
function placeWhileTyped(text: string, cwd: string): string {
  try {
    return absolute(text, { cwd });
  } catch {
    return resolve(cwd, text);
  }
}

function note({ images, captions, folders, open }: Count): string {
  const words = captions > 0 ? `, ${plural(captions, 'caption')}` : '';
  if (images > 0) return `${open ? 'over ' : ''}${plural(images, 'picture')}${words}`;
  return folders > 0 ? plural(folders, 'folder') : 'no pictures';
}

/** Most folders that are opened for each candidate before the first question: enough to find `train/10_fox`. */
const GLIMPSE = 4;

/**
 * The working directory if it holds images, else the sub-folder with the most images; undefined when there are none.
 */
export async function nearestImages(cwd: string): Promise<string | undefined> {
  if ((await countImages(cwd, 1)).images > 0) return '.';
  const inside = await readdir(cwd, { withFileTypes: true }).catch(() => []);
  let best: { name: string; images: number } | undefined;
  const folders = inside
    .filter((entry) => (entry.isDirectory() || entry.isSymbolicLink()) && !isPassedOver(entry.name))
    .map(({ name }) => name);
  for (const name of folders.sort((a, b) => a.localeCompare(b)).slice(0, LISTED)) {
    const { images } = await countImages(join(cwd, name), GLIMPSE);
    if (images > (best?.images ?? 0)) best = { name, images };
  }
  return best?.name;
}

/** Why a run.yaml cannot be written at a path; undefined when it can. */
export async function fileProblem(path: string): Promise<string | undefined> {
  if (path === '') return 'Type the name of a file.';
  const there = await stat(path).catch(() => undefined);
  if (there?.isDirectory()) return 'That is a folder. Add a file name, such as /run.yaml.';
  if (there !== undefined) return 'There is such a file already, and it would be lost. Take another name.';
  const parent = await stat(dirname(path)).catch(() => undefined);
  return parent?.isDirectory() ? undefined : `There is no folder ${dirname(path)}.`;
}
