/**
 * Scans a data set folder: its images with size and caption, and everything that will not be used, with the reason.
 */
import { resolve } from 'node:path';
import { UsageError } from '../../base/errors.ts';
import { keepHeapLean } from '../../base/process/lean-heap.ts';
import { byCodePoint, plural } from '../../base/text.ts';
import type { CaptionFrom } from '../../spec/sections/choices.ts';
import { leaveAside } from './aside.ts';
import { readTables } from './caption-tables.ts';
import { Elsewhere } from './elsewhere.ts';
import { Looking, Sizes, unfitSize } from './looking.ts';
import { type Pair, pairFolder } from './pairs.ts';
import { convertible, noFolder, noImages } from './scan-errors.ts';
import { folderWords, named, outsideNotes } from './scan-notes.ts';
import type { ImageFile, LeftOut, Scan } from './types.ts';
import { type Folder, walkFolder } from './walk.ts';

export interface ScanOptions {
  /** Extension of caption files, with its dot. */
  readonly captionExtension: string;
  /**
   * Names or paths of folders and files that are used although they look like masks, samples or other files that are
   * set aside.
   */
  readonly include?: readonly string[];
  /** Our own folders, which are not entered. */
  readonly own?: readonly string[];
  /** Whether the masks in the folder are used for the loss, so that no note about them is needed. */
  readonly masksAreUsed?: boolean;
  /** Absolute paths of folders that are neither entered nor named in a note, because they are scanned on their own. */
  readonly without?: readonly string[];
  /** Whether lines of a caption file stay lines, because each is a caption of its own. */
  readonly captionLines?: boolean;
  /** Further places in which the caption of an image without a caption file is looked for, in this order. */
  readonly captionFrom?: readonly CaptionFrom[];
  /** Name of the root where that is a source of its own: as a folder's name it captions images directly in it. */
  readonly sourceName?: string;
  /** Whether a folder without an image is no error. */
  readonly mayBeEmpty?: boolean;
  /**
   * Folder in which the facts about files are remembered, so that a second scan opens no image; null or undefined to
   * remember none.
   */
  readonly cacheDir?: string | null;
  readonly signal?: AbortSignal;
}

/** Files that are read between two turns of the event loop, so that a screen stays alive. */
const SLICE = 500;

/**
 * Scans a folder. Only headers and captions are read, and nothing is changed. `hashImages` compares the contents.
 * @throws {UsageError} when there is no folder, no image or no permission
 */
export async function scanDataset(root: string, options: ScanOptions): Promise<Scan> {
  const { captionExtension, signal } = options;
  const full = resolve(root);
  const { left, tables, notes } = await listFolders(full, options);
  keepHeapLean(left.reduce((sum, { files }) => sum + files.length, 0));
  const looking = new Looking(full, options.cacheDir ?? null);
  const elsewhere = new Elsewhere(full, options);
  const found = {
    ...emptyScan(full, tables.captions),
    looking,
    elsewhere,
    captionLines: options.captionLines ?? false,
  };
  found.notes.push(...notes);
  let isWhole = false;
  try {
    for (let folder = left.pop(); folder !== undefined; folder = left.pop()) {
      let i = 0;
      for (const pair of folderPairs(withoutTables(folder, tables.read), captionExtension, found)) {
        if (i % SLICE === 0) {
          signal?.throwIfAborted();
          await new Promise(setImmediate);
        }
        inspect(pair, folder, found);
        i += 1;
      }
    }
    isWhole = true;
  } finally {
    looking.end(isWhole);
    elsewhere.end(isWhole);
  }
  return finish(root, found, options.mayBeEmpty);
}

/**
 * Lists the folders whose images are wanted, and reads their tables of captions.
 * @returns the folders as `left`, the first one last: the scan takes them away one by one, because the names of all
 * files need as much memory as all that it finds
 */
async function listFolders(full: string, options: ScanOptions) {
  const walk = openFolder(full, options);
  const beyond = () => (options.without ?? []).flatMap((path) => foldersOf(path));
  const aside = leaveAside(
    { ...walk, beyond },
    options.include ?? [],
    options.captionExtension.toLowerCase(),
    options.masksAreUsed,
  );
  const tables = await readTables(full, aside.folders);
  const closed = walk.closed.map(({ path, problem }) => `${path} ${problem}`);
  const notes = [...closed, ...outsideNotes(walk.outside), ...aside.notes, ...tables.notes];
  return { left: aside.folders.toReversed(), tables, notes };
}

function finish(
  root: string,
  {
    tables: _tables,
    captionLines: _lines,
    looking: _looking,
    elsewhere,
    sizes: _sizes,
    fromJson,
    unread,
    ...found
  }: Found,
  mayBeEmpty = false,
): Scan {
  found.images.sort((a, b) => byCodePoint(a.path, b.path));
  found.leftOut.sort((a, b) => byCodePoint(a.path, b.path));
  if (fromJson > 0)
    found.notes.push(`the captions of ${plural(fromJson, 'image')} are read from a .json file beside it`);
  if (unread.length > 0)
    found.notes.push(
      `${named(unread)} outside of the folder not read as ${unread.length === 1 ? 'a caption' : 'captions'}: copy in what is meant`,
    );
  found.notes.push(...elsewhere.notes(), ...folderWords(found.images));
  const scan: Scan = { ...found, folders: imageFolders(found.images) };
  if (scan.images.length === 0 && !mayBeEmpty) throw noImages(root, scan);
  found.notes.push(...convertible(found.others));
  return scan;
}

function emptyScan(root: string, tables: ReadonlyMap<string, string>) {
  return {
    root,
    /** Captions of `metadata.jsonl`, by path. */
    tables,
    /** Number of images whose caption comes from a .json file of their own. */
    fromJson: 0,
    sizes: new Sizes(),
    /** Caption files that were not read because they lie outside of the root. */
    unread: [] as string[],
    images: [] as ImageFile[],
    leftOut: [] as LeftOut[],
    others: {} as Record<string, number>,
    otherCaptions: {} as Record<string, number>,
    notes: [] as string[],
  };
}

type Found = ReturnType<typeof emptyScan> & {
  readonly captionLines: boolean;
  readonly looking: Looking;
  readonly elsewhere: Elsewhere;
};

/**
 * The folders below a folder that is scanned on its own; none where it cannot be entered, which its own scan reports.
 */
function foldersOf(path: string): readonly Folder[] {
  try {
    return walkFolder(path).folders;
  } catch {
    return [];
  }
}

function openFolder(root: string, { own = [], without = [] }: ScanOptions) {
  try {
    return walkFolder(root, { own, without });
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw noFolder(root, error);
  }
}

/** The folder without the tables from which captions were read, so that they do not count as unused files. */
function withoutTables(folder: Folder, read: ReadonlySet<string>): Folder {
  if (read.size === 0) return folder;
  const prefix = folder.path === '' ? '' : `${folder.path}/`;
  return { ...folder, files: folder.files.filter((name) => !read.has(prefix + name)) };
}

/** The wanted images of a folder. Everything else in it is counted or named. */
function folderPairs(folder: Folder, captionExtension: string, found: Found): Iterable<Pair> {
  const { pairs, repeats, rest, lost } = pairFolder(folder, captionExtension);
  for (const { extension, isCaption } of rest) {
    const counts = isCaption ? found.otherCaptions : found.others;
    counts[extension] = (counts[extension] ?? 0) + 1;
  }
  for (const { path, likely } of lost)
    found.notes.push(`${path} belongs to no image and is not read: is it the caption of ${likely}?`);
  if (repeats !== 0) return pairs;
  for (const { path } of pairs)
    found.leftOut.push({ path, reason: 'zero_repeats', problem: 'is in a folder that asks for 0 repeats' });
  return [];
}

function inspect(pair: Pair, folder: Folder, found: Found): void {
  const { path, repeats } = pair;
  const leave = (reason: LeftOut['reason'], problem: string) => void found.leftOut.push({ path, reason, problem });
  const header = found.looking.image(path);
  if ('problem' in header) {
    leave('unreadable', header.problem);
    return;
  }
  const { format, width, height } = header;
  const unfit = unfitSize(width, height);
  if (unfit !== undefined) {
    leave(...unfit);
    return;
  }
  const size = found.sizes.of(width, height);
  // The hash is added later; an object with a place for it from the start needs 30 bytes less.
  const image = { path, size, format, caption: captionOf(pair, folder, found), repeats, sha256: undefined };
  found.images.push(image);
}

/**
 * The caption of an image: from its own caption file, else from a .json file beside it, else from a table, else from
 * the places in `captionFrom`; null without one.
 */
function captionOf({ path, caption, json }: Pair, folder: Folder, found: Found): string | null {
  const own = caption === undefined ? null : readWords(caption, folder, found);
  if (own !== null) return own;
  const words = json === undefined ? null : readWords(json, folder, found);
  if (words !== null) found.fromJson += 1;
  return words ?? (found.tables.get(path) || found.elsewhere.caption(path, found.captionLines));
}

function readWords(path: string, { outside, isOutside }: Folder, found: Found): string | null {
  const isLink = outside.has(path.slice(path.lastIndexOf('/') + 1));
  // A link could lead to a secret, and captions end up in the metadata of the LoRA file.
  if (isOutside || isLink) {
    found.unread.push(path);
    return null;
  }
  const { text, note } = found.looking.caption(path, found.captionLines);
  if (note !== undefined) found.notes.push(`${path} ${note}`);
  return text === '' ? null : text;
}

/** The folders of these images, by path. */
export function imageFolders(images: readonly ImageFile[]): Scan['folders'] {
  const folders = new Map<string, { images: number; repeats: number }>();
  for (const { path, repeats } of images) {
    const folder = path.slice(0, Math.max(0, path.lastIndexOf('/')));
    const known = folders.get(folder);
    folders.set(folder, { images: (known?.images ?? 0) + 1, repeats });
  }
  return [...folders].map(([path, facts]) => ({ path, ...facts })).sort((a, b) => byCodePoint(a.path, b.path));
}
