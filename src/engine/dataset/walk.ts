/** All files below a folder, in one fixed order, whatever the file system's own. Follows links, never in circles. */
import { type Dirent, readdirSync, realpathSync } from 'node:fs';
import { statOf } from '../stat.ts';

export interface Folder {
  /** Relative to the root with forward slashes; empty for the root itself. */
  readonly path: string;
  /** Names of plain files (and links to them), hidden ones left out. */
  readonly files: readonly string[];
}

export interface Walk {
  readonly folders: readonly Folder[];
  /** Relative paths that could not be entered, and why. */
  readonly closed: readonly { readonly path: string; readonly problem: string }[];
}

/** Folders that unpackers leave behind; their files only look like pictures. */
const JUNK = new Set(['__MACOSX']);

/** @throws the file system's own error when the root cannot be read. */
export function walkFolder(root: string): Walk {
  const folders: Folder[] = [];
  const closed: { path: string; problem: string }[] = [];
  const visited = new Set<string>();
  const queue = [''];
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    const full = path === '' ? root : `${root}/${path}`;
    const real = realpathSync(full);
    if (visited.has(real)) continue;
    visited.add(real);
    let entries: Dirent[];
    try {
      entries = readdirSync(full, { withFileTypes: true });
    } catch (error) {
      if (path === '') throw error;
      closed.push({ path, problem: 'may not be opened: permission denied' });
      continue;
    }
    const files: string[] = [];
    for (const entry of entries) {
      if (isPassedOver(entry.name)) continue;
      const kind = entry.isSymbolicLink() ? statOf(`${full}/${entry.name}`) : entry;
      if (kind?.isDirectory()) queue.push(path === '' ? entry.name : `${path}/${entry.name}`);
      else if (kind?.isFile()) files.push(entry.name);
    }
    folders.push({ path, files });
  }
  return { folders, closed };
}

/** Names that a data set never uses: hidden ones, and what unpackers leave. */
export function isPassedOver(name: string): boolean {
  return name.startsWith('.') || JUNK.has(name);
}

/** Order of Unicode code points, the same in Python: UTF-16 alone would put U+FFxx behind emoji. */
export function byCodePoint(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i += 1) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    const high = (unit: number) => unit >= 0xd800 && unit <= 0xdfff;
    return high(x) === high(y) ? x - y : high(x) ? 1 : -1;
  }
  return a.length - b.length;
}
