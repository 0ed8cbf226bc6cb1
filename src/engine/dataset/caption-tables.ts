/**
 * Captions kept in one file for many images: `metadata.jsonl`, the form that the examples of diffusers and the hub use.
 */
import { closeSync, fstatSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { openGiven } from '../../base/files/regular-file.ts';
import { plural } from '../../base/text.ts';
import { decodeCaption, oneLine, wordsOf } from './captions.ts';
import { openProblem } from './open.ts';
import type { Folder } from './walk.ts';

export interface Tables {
  /** Caption by the image's path relative to the root. */
  readonly captions: ReadonlyMap<string, string>;
  readonly notes: readonly string[];
}

const READ = 'metadata.jsonl';
/** Tables that are only mentioned in a note, which says how to turn them into the other form. */
const NAMED = new Set(['metadata.csv', 'metadata.parquet', 'captions.csv', 'captions.json', 'captions.jsonl']);
/** A cheap test, done first on each name. */
const MAYBE = /^(metadata|captions)\./iu;
/** Most bytes of a table that is read. A table with a million captions is smaller. */
const MOST_BYTES = 256 << 20;

export function readTables(root: string, folders: readonly Folder[]): Tables {
  const captions = new Map<string, string>();
  const notes: string[] = [];
  for (const { path, files, outside, isOutside } of folders)
    for (const name of files) {
      if (!MAYBE.test(name)) continue;
      const lower = name.toLowerCase();
      const full = path === '' ? name : `${path}/${name}`;
      if (NAMED.has(lower))
        notes.push(`${full} may hold captions; it is not read: ${READ} or a .txt file for each image is`);
      if (lower !== READ || isOutside || outside.has(name)) continue;
      notes.push(`${full} ${readTable(root, full, captions)}`);
    }
  return { captions, notes };
}

/** Reads a table into `captions`. @returns the note about the table */
function readTable(root: string, path: string, captions: Map<string, string>): string {
  let text: string;
  try {
    const file = openGiven(`${root}/${path}`);
    try {
      if (fstatSync(file).size > MOST_BYTES) return 'is too large and is not read';
      text = decodeCaption(readFileSync(file)).text;
    } finally {
      closeSync(file);
    }
  } catch (error) {
    return openProblem(path, error);
  }
  let rows = 0;
  const odd: number[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    const row = readRow(line);
    if (row === undefined) odd.push(index + 1);
    else {
      rows += 1;
      captions.set(posix.join(posix.dirname(path), row.file), row.words);
    }
  }
  const rest =
    odd.length === 0 ? '' : `; not understood: line ${odd.slice(0, 3).join(', ')}${odd.length > 3 ? ' …' : ''}`;
  return `holds ${plural(rows, 'caption')}; read for images without a caption file${rest}`;
}

function readRow(line: string): { file: string; words: string } | undefined {
  try {
    const row = JSON.parse(line.replace(/^\ufeff/u, '')) as { file_name?: unknown } | null;
    const words = wordsOf(row);
    return typeof row?.file_name === 'string' && words !== undefined
      ? { file: row.file_name, words: oneLine(words) }
      : undefined;
  } catch {
    return undefined;
  }
}
