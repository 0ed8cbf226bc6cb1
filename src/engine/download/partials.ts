/** Unfinished downloads: their names, and finding and removing them. Nothing here is ever removed unasked. */
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { lastHolder } from '../process/claim.ts';
import { readJournal } from './journal.ts';

export interface PartNames {
  readonly part: string;
  readonly journal: string;
  /** Folder by which processes agree who works on the file. */
  readonly claims: string;
}

export function partNames(path: string): PartNames {
  return {
    part: `${path}.part`,
    journal: `${path}.part.journal`,
    claims: join(dirname(path), `.${basename(path)}.claims`),
  };
}

export interface Partial {
  readonly path: string;
  /** Of an unfinished download, of a file whose hash was wrong, or of one that was in the way. */
  readonly kind: 'unfinished' | 'wrong-hash' | 'other';
  /** Bytes it takes on the disk. */
  readonly bytes: number;
  /** Bytes the whole file will have; undefined when unknown. */
  readonly total: number | undefined;
  /** Seconds since it last grew. */
  readonly age: number;
  /** A process works on it right now. */
  readonly busy: boolean;
}

/** Everything unfinished below a folder. */
export function listPartials(folder: string, now = Date.now()): Partial[] {
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return names.flatMap((name): Partial[] => {
    const match = /\.part$|\.(wrong-hash|other)(?:-\d+)?$/.exec(name);
    if (match === null) return [];
    const path = join(folder, name);
    const found = statSync(path, { throwIfNoEntry: false });
    if (found?.isFile() !== true) return [];
    const final = path.replace(/\.part$/, '');
    return [
      {
        path,
        kind: match[1] === undefined ? 'unfinished' : (match[1] as 'wrong-hash' | 'other'),
        bytes: found.blocks === undefined ? found.size : found.blocks * 512,
        total: readJournal(partNames(final).journal)?.identity.size,
        age: Math.max(0, (now - found.mtimeMs) / 1000),
        busy: lastHolder(partNames(final).claims)?.live === true,
      },
    ];
  });
}

/** Removes one, unless a process works on it. Returns whether it is gone. */
export function removePartial(partial: Partial): boolean {
  if (partial.busy) return false;
  rmSync(partial.path, { force: true });
  if (partial.kind !== 'unfinished') return true;
  const { journal, claims } = partNames(partial.path.replace(/\.part$/, ''));
  rmSync(journal, { force: true });
  rmSync(claims, { recursive: true, force: true });
  return true;
}
