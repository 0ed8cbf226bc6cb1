/** Folders while a path is being typed: what is there, how many pictures, without opening any. */
import { readdir, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { plural } from '../engine/text.ts';
import { absolute } from './questions/data.ts';

export interface Suggestion {
  readonly value: string;
  readonly note: string;
}

const PICTURE = /\.(jpe?g|png|webp)$/i;
/** A folder larger than this is not counted to the end while someone types. */
const COUNTED = 20_000;
const LISTED = 40;

interface Count {
  readonly pictures: number;
  readonly captions: number;
  readonly folders: number;
}

/** Pictures directly in a folder. Unreadable folders count as empty. */
export async function countPictures(folder: string): Promise<Count> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const some = entries.slice(0, COUNTED);
  return {
    pictures: some.filter((e) => !e.isDirectory() && PICTURE.test(e.name)).length,
    captions: some.filter((e) => !e.isDirectory() && e.name.endsWith('.txt')).length,
    folders: some.filter((e) => e.isDirectory() && !e.name.startsWith('.')).length,
  };
}

/** What the typed text can go on with. The values are written as the person writes: with `~`, relative or absolute. */
export async function suggestPaths(
  typed: string,
  kind: 'pictures' | 'model' | 'file',
  cwd: string,
): Promise<Suggestion[]> {
  const cut = typed.lastIndexOf('/') + 1;
  const base = typed.slice(0, cut);
  const start = typed.slice(cut).toLowerCase();
  const folder = absolute(typed === '~' ? '~/' : base === '' ? '.' : base, { cwd, home: homedir() });
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
      found.push({ value: `${base}${entry.name}/`, note: kind === 'pictures' ? note(await countPictures(path)) : '' });
    else if (kind === 'model' && /\.safetensors$/i.test(entry.name))
      found.push({ value: `${base}${entry.name}`, note: '' });
  }
  return found;
}

function note({ pictures, captions, folders }: Count): string {
  if (pictures > 0) return `${plural(pictures, 'picture')}${captions > 0 ? `, ${plural(captions, 'caption')}` : ''}`;
  return folders > 0 ? plural(folders, 'folder') : 'no pictures';
}

/** The working directory if it holds pictures, else its sub-folder with the most; undefined when there are none. */
export async function nearestPictures(cwd: string): Promise<string | undefined> {
  if ((await countPictures(cwd)).pictures > 0) return '.';
  const inside = await suggestPaths('', 'pictures', cwd);
  let best: { value: string; pictures: number } | undefined;
  for (const { value } of inside) {
    const { pictures } = await countPictures(join(cwd, value));
    if (pictures > (best?.pictures ?? 0)) best = { value, pictures };
  }
  return best?.value.replace(/\/$/, '');
}

/** Why a run.yaml cannot be written there; undefined when it can. */
export async function fileProblem(path: string): Promise<string | undefined> {
  if (path === '') return 'Type the name of a file.';
  const there = await stat(path).catch(() => undefined);
  if (there?.isDirectory()) return 'That is a folder. Add a file name, such as /run.yaml.';
  const parent = await stat(dirname(path)).catch(() => undefined);
  return parent?.isDirectory() ? undefined : `There is no folder ${dirname(path)}.`;
}
