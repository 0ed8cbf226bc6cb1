/** What is in a data set folder: pictures with size and caption, and everything that will not be used, with the reason. */
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { basename, extname, resolve } from 'node:path';
import { UsageError } from '../errors.ts';
import { CAPTION_LIMIT, readCaption } from './captions.ts';
import { FIRST_BYTES, type Format, readHeader } from './picture-header.ts';
import { noFolder, noPictures } from './scan-errors.ts';
import { byCodePoint, type Folder, walkFolder } from './walk.ts';

export interface Picture {
  /** Relative to the root, forward slashes. */
  readonly path: string;
  /** Width and height in pixels after EXIF rotation. */
  readonly size: readonly [number, number];
  readonly format: Format;
  /** One line; null when there is no caption file or it is empty. */
  readonly caption: string | null;
  /** From a folder named `N_anything`; 1 elsewhere. */
  readonly repeats: number;
}

export interface LeftOut {
  readonly path: string;
  readonly reason: 'unreadable' | 'too_small' | 'too_large' | 'duplicate' | 'zero_repeats';
  /** Follows the path: "is cut short and cannot be read". */
  readonly problem: string;
}

export interface Scan {
  /** Absolute. */
  readonly root: string;
  /** Sorted by path, in the order of code points. */
  readonly pictures: readonly Picture[];
  readonly leftOut: readonly LeftOut[];
  /** Folders that hold pictures; `repeats` is what an `N_name` folder asks for. */
  readonly folders: readonly { readonly path: string; readonly pictures: number; readonly repeats: number }[];
  /** Files that are no pictures, by extension with its dot (empty for none), caption files not among them. */
  readonly others: Readonly<Record<string, number>>;
  /** Caption files with another extension than the one asked for, by extension. */
  readonly otherCaptions: Readonly<Record<string, number>>;
  /** Sentences about single files or folders that are used all the same, or could not be looked at. */
  readonly notes: readonly string[];
}

export interface ScanOptions {
  /** With its dot. */
  readonly captionExtension: string;
  readonly signal?: AbortSignal;
}

const PICTURES = new Set(['.jpg', '.jpeg', '.jfif', '.png', '.webp', '.gif', '.bmp', '.tif', '.tiff']);
const CAPTIONS = ['.txt', '.caption'];
/** Pixels; below it there is nothing to learn from, only an icon. */
const LEAST_SIDE = 16;
/** Pillow refuses more as a decompression bomb. */
const MOST_PIXELS = 178_956_970;
/** Files between two turns of the event loop, so that a screen stays alive. */
const SLICE = 500;

/**
 * Reads headers and captions only; changes nothing. Contents are compared by `hashPictures`.
 * @throws {UsageError} for no folder, no pictures, no permission.
 */
export async function scanDataset(root: string, { captionExtension, signal }: ScanOptions): Promise<Scan> {
  const full = resolve(root);
  const found = emptyScan(full);
  const { folders, closed } = openFolder(full);
  for (const { path, problem } of closed) found.notes.push(`${path} ${problem}`);
  let files = 0;
  for (const folder of folders) {
    for (const work of folderFiles(folder, captionExtension, found)) {
      inspect(work, found);
      files += 1;
      if (files % SLICE === 0) {
        signal?.throwIfAborted();
        await new Promise(setImmediate);
      }
    }
  }
  found.pictures.sort((a, b) => byCodePoint(a.path, b.path));
  found.leftOut.sort((a, b) => byCodePoint(a.path, b.path));
  const scan: Scan = { ...found, folders: pictureFolders(found.pictures) };
  if (scan.pictures.length === 0) throw noPictures(root, scan);
  return scan;
}

function emptyScan(root: string) {
  return {
    root,
    pictures: [] as Picture[],
    leftOut: [] as LeftOut[],
    others: {} as Record<string, number>,
    otherCaptions: {} as Record<string, number>,
    notes: [] as string[],
  };
}

type Found = ReturnType<typeof emptyScan>;

function openFolder(root: string) {
  try {
    return walkFolder(root);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw noFolder(root, error);
  }
}

/** By its name. */
export const isPicture = (name: string): boolean => PICTURES.has(extname(name).toLowerCase());

interface Work {
  readonly path: string;
  readonly captionPath: string | undefined;
  readonly repeats: number;
}

/** Sorts a folder's names into pictures (returned, with their caption file), captions and others (counted). */
function folderFiles(folder: Folder, captionExtension: string, found: Found): Work[] {
  const prefix = folder.path === '' ? '' : `${folder.path}/`;
  const captions = new Map<string, string>();
  const pictures: string[] = [];
  const rest: string[] = [];
  const wanted = captionExtension.toLowerCase();
  for (const name of folder.files) {
    if (isPicture(name)) pictures.push(name);
    else if (name.toLowerCase().endsWith(wanted)) captions.set(name.slice(0, -wanted.length), name);
    else rest.push(name);
  }
  const stems = new Set(pictures.flatMap((name) => [name, name.slice(0, -extname(name).length)]));
  for (const [stem, name] of captions) if (!stems.has(stem)) rest.push(name);
  for (const name of rest) {
    const extension = extname(name).toLowerCase();
    // A caption of the extension that was asked for is only here when it belongs to no picture.
    const isCaption =
      extension !== wanted && CAPTIONS.includes(extension) && stems.has(name.slice(0, -extension.length));
    const counts = isCaption ? found.otherCaptions : found.others;
    counts[extension] = (counts[extension] ?? 0) + 1;
  }
  const repeats = folderRepeats(folder.path);
  return pictures.flatMap((name) => {
    const path = prefix + name;
    if (repeats === 0) {
      found.leftOut.push({ path, reason: 'zero_repeats', problem: 'is in a folder that asks for 0 repeats' });
      return [];
    }
    // Beside `fox.png`: `fox.txt`, or `fox.png.txt` as some tools write it.
    const caption = captions.get(name.slice(0, -extname(name).length)) ?? captions.get(name);
    return [{ path, captionPath: caption === undefined ? undefined : prefix + caption, repeats }];
  });
}

/** sd-scripts' `10_fox` means ten repeats; the innermost folder that says a number counts. */
export function folderRepeats(path: string): number {
  for (const name of path.split('/').reverse()) {
    const digits = /^(\d{1,5})_/u.exec(name)?.[1];
    if (digits !== undefined) return Math.min(10_000, Number(digits));
  }
  return 1;
}

const window = Buffer.alloc(FIRST_BYTES);

function inspect({ path, captionPath, repeats }: Work, found: Found): void {
  const leave = (reason: LeftOut['reason'], problem: string) => void found.leftOut.push({ path, reason, problem });
  let file: number;
  try {
    file = openSync(`${found.root}/${path}`, constants.O_RDONLY);
  } catch (error) {
    leave('unreadable', openProblem(path, error));
    return;
  }
  try {
    const header = readHeader(windowReader(file));
    if ('problem' in header) {
      leave('unreadable', header.problem);
      return;
    }
    const { format, width, height } = header;
    if (Math.min(width, height) < LEAST_SIDE) {
      leave('too_small', `is only ${width}×${height} pixels`);
      return;
    }
    if (width * height > MOST_PIXELS) {
      leave('too_large', `is ${width}×${height} pixels, more than is safe to open`);
      return;
    }
    const caption = captionPath === undefined ? null : captionOf(captionPath, found);
    found.pictures.push({ path, size: [width, height], format, caption, repeats });
  } catch (error) {
    leave('unreadable', `cannot be read: ${(error as Error).message}`);
  } finally {
    closeSync(file);
  }
}

/** Serves from one shared window at the file's start, and from the disk behind it. */
function windowReader(file: number) {
  let filled = -1;
  return (from: number, length: number): Buffer => {
    if (filled < 0) filled = readSync(file, window, 0, FIRST_BYTES, 0);
    if (from + length <= filled || (from < filled && filled < FIRST_BYTES))
      return window.subarray(from, Math.min(filled, from + length));
    const buffer = Buffer.alloc(length);
    return buffer.subarray(0, readSync(file, buffer, 0, length, from));
  };
}

const captionBytes = Buffer.alloc(CAPTION_LIMIT + 1);

function captionOf(path: string, found: Found): string | null {
  try {
    const file = openSync(`${found.root}/${path}`, constants.O_RDONLY);
    try {
      const { text, note } = readCaption(
        captionBytes.subarray(0, readSync(file, captionBytes, 0, captionBytes.length, 0)),
      );
      if (note !== undefined) found.notes.push(`${path} ${note}`);
      return text === '' ? null : text;
    } finally {
      closeSync(file);
    }
  } catch (error) {
    found.notes.push(`${path} ${openProblem(path, error)}`);
    return null;
  }
}

function openProblem(path: string, error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'EACCES' || code === 'EPERM') return 'may not be read: permission denied';
  // Node shows bytes that are no UTF-8 as U+FFFD, and then finds no such name.
  if (code === 'ENOENT' && basename(path).includes('\ufffd')) return 'has a name that is not valid UTF-8: rename it';
  if (code === 'ENOENT') return 'is gone';
  return `cannot be read: ${message}`;
}

/** Folders of these pictures, by path. */
export function pictureFolders(pictures: readonly Picture[]): Scan['folders'] {
  const folders = new Map<string, { pictures: number; repeats: number }>();
  for (const { path, repeats } of pictures) {
    const folder = path.slice(0, Math.max(0, path.lastIndexOf('/')));
    const known = folders.get(folder);
    folders.set(folder, { pictures: (known?.pictures ?? 0) + 1, repeats });
  }
  return [...folders].map(([path, facts]) => ({ path, ...facts })).sort((a, b) => byCodePoint(a.path, b.path));
}
