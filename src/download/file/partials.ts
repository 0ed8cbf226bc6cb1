/**
 * Unfinished downloads: their names, and how they are found and removed. None is ever removed unless the person asks.
 */
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { writeFileAtomic } from '../../base/files/atomic.ts';
import { isMissing } from '../../base/files/fs-errors.ts';
import { makePrivateFolder } from '../../base/files/private-folder.ts';
import { readGiven } from '../../base/files/regular-file.ts';
import { statOf } from '../../base/files/stat.ts';
import type { Places } from '../../base/paths.ts';
import { lastHolder } from '../../base/process/claim.ts';
import { readJournal } from './journal.ts';
import { isOwnFolder } from './own-file.ts';
import type { PieceMap } from './pieces.ts';

/** Most folders outside ours that are remembered, the latest ones. */
const MOST_FOLDERS = 100;

export interface PartNames {
  readonly part: string;
  readonly journal: string;
  /** Folder by which processes agree on who works on the file. */
  readonly claims: string;
}

export function partNames(path: string): PartNames {
  return {
    part: `${path}.part`,
    journal: `${path}.part.journal`,
    claims: join(dirname(path), `.${basename(path)}.claims`),
  };
}

/**
 * Pieces of a file that an earlier try has left, as its journal names them; undefined when there are none of this file.
 */
export function keptPieces(file: { path: string; sha256: string }, size: number): PieceMap | undefined {
  const { part, journal } = partNames(file.path);
  const left = existsSync(part) ? readJournal(journal) : undefined;
  return left?.identity.sha256 === file.sha256 && left.identity.size === size ? left.pieces : undefined;
}

/** Whether an earlier try has left some of the file that goes to `path`. */
export function isKept(path: string): boolean {
  const { part, journal } = partNames(path);
  return existsSync(part) && (readJournal(journal)?.pieces.doneBytes ?? 0) > 0;
}

export interface Partial {
  readonly path: string;
  /**
   * What the file is: the rest of an unfinished download, a file whose hash was wrong, a file that was in the way of
   * another (`other`), or a folder that may hold such files and cannot be looked into (`unreadable`).
   */
  readonly kind: 'unfinished' | 'wrong-hash' | 'other' | 'unreadable';
  /** Bytes that it takes on the disk. */
  readonly bytes: number;
  /** Bytes that the whole file will have; undefined when unknown. */
  readonly total: number | undefined;
  /** Seconds since it last grew. */
  readonly age: number;
  /** Whether a process works on it right now. */
  readonly busy: boolean;
}

/** Finds all unfinished downloads below a folder of ours. */
export function listPartials(folder: string, now = Date.now()): Partial[] {
  if (!existsSync(folder)) return [];
  const { names, unreadable } = walk(folder, { deep: true });
  return [...describeAll(folder, names, now), ...unreadable.map(unreadableFolder)];
}

/** Finds all unfinished downloads in all folders: ours, and those the person has had files fetched into. */
export function listAllPartials(places: Places): Partial[] {
  const elsewhere = rememberedFolders(places).flatMap((folder) => {
    // The folder belongs to the person, so only files that are certainly ours are listed; `.other` files are not.
    const { names, unreadable } = walk(folder, { deep: false });
    const ours = names
      .filter((name) => /\.part$|\.part\.wrong-hash(-\d+)?$/.test(name))
      .filter((name) => !name.endsWith('.part') || existsSync(join(folder, `${name}.journal`)));
    return [...describeAll(folder, ours, Date.now()), ...unreadable.map(unreadableFolder)];
  });
  return [...listPartials(places.models), ...elsewhere];
}

/** Names of all files below a folder, relative to it, and the folders that cannot be read. */
function walk(root: string, { deep }: { deep: boolean }): { names: string[]; unreadable: string[] } {
  const names: string[] = [];
  const unreadable: string[] = [];
  const open = [''];
  for (let inner = open.pop(); inner !== undefined; inner = open.pop()) {
    try {
      for (const entry of readdirSync(join(root, inner), { withFileTypes: true })) {
        const name = join(inner, entry.name);
        if (entry.isDirectory() && deep) open.push(name);
        else names.push(name);
      }
    } catch (error) {
      // The folder was removed meanwhile, so there is nothing to list.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') unreadable.push(join(root, inner));
    }
  }
  return { names, unreadable };
}

const unreadableFolder = (path: string): Partial => ({
  path,
  kind: 'unreadable',
  bytes: 0,
  total: undefined,
  age: 0,
  busy: false,
});

const foldersFile = (places: Places) => join(places.state, 'download-folders.json');

function rememberedFolders(places: Places): string[] {
  try {
    const list: unknown = JSON.parse(readGiven(foldersFile(places), 1 << 20).toString('utf8'));
    return Array.isArray(list) ? list.filter((path): path is string => typeof path === 'string' && isFolder(path)) : [];
  } catch {
    return [];
  }
}

/**
 * Whether a path is a folder. A path that cannot be read now counts as one, because it may be accessible again later.
 */
function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch (error) {
    return !isMissing(error);
  }
}

/** Remembers a folder outside ours that a file is fetched into, so that unfinished downloads there can be listed. */
export function rememberFolder(places: Places, folder: string): void {
  const known = rememberedFolders(places);
  if (known.includes(folder) || `${folder}/`.startsWith(`${places.models}/`)) return;
  makePrivateFolder(places.state);
  writeFileAtomic(foldersFile(places), `${JSON.stringify([...known, folder].slice(-MOST_FOLDERS))}\n`);
}

function describeAll(folder: string, names: readonly string[], now: number): Partial[] {
  return names.flatMap((name): Partial[] => {
    const match = /\.part$|\.(wrong-hash|other)(?:-\d+)?$/.exec(name);
    if (match === null) return [];
    const path = join(folder, name);
    const found = statOf(path);
    if (found?.isFile() !== true) return [];
    const final = path.replace(/\.part$/, '');
    return [
      {
        path,
        kind: match[1] === undefined ? 'unfinished' : (match[1] as 'wrong-hash' | 'other'),
        bytes: found.blocks === undefined ? found.size : found.blocks * 512,
        total: readJournal(partNames(final).journal)?.identity.size,
        age: Math.max(0, (now - found.mtimeMs) / 1000),
        busy: isBusy(partNames(final).claims),
      },
    ];
  });
}

/** A claim of another user says nothing about our downloads. */
const isBusy = (claims: string) => isOwnFolder(claims) && lastHolder(claims)?.live === true;

/** Removes an unfinished download unless a process works on it. Returns whether it is gone. */
export function removePartial(partial: Partial): boolean {
  if (partial.busy || partial.kind === 'unreadable') return false;
  rmSync(partial.path, { force: true });
  if (partial.kind !== 'unfinished') return true;
  const { journal, claims } = partNames(partial.path.replace(/\.part$/, ''));
  rmSync(journal, { force: true });
  rmSync(claims, { recursive: true, force: true });
  return true;
}
