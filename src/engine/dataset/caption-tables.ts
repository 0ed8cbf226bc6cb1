/**
 * Captions kept in one file for many images: `metadata.jsonl`, `.csv` and `.parquet`, as the examples of diffusers and
 * the hub want them, and the metadata JSON of sd-scripts.
 */
import { closeSync, fstatSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { NotRegularError, openGiven } from '../../base/files/regular-file.ts';
import { plural } from '../../base/text.ts';
import { CAPTION_LIMIT, decodeCaption, oneLine, WORD_KEYS, wordsOf } from './captions.ts';
import { isImage, stemOf } from './names.ts';
import { openProblem } from './open.ts';
import type { Folder } from './walk.ts';
import { type CsvRow, csvRows } from './words/csv.ts';

export interface Tables {
  /** Caption by the image's path relative to the root. */
  readonly captions: ReadonlyMap<string, string>;
  readonly notes: readonly string[];
  /** Paths of the tables that captions were read from. */
  readonly read: ReadonlySet<string>;
}

const READ = new Set(['metadata.jsonl', 'metadata.csv', 'metadata.parquet']);
/** Files that are named in a note but not read; the note says how to convert them. */
const NAMED = new Set(['captions.csv', 'captions.json', 'captions.jsonl']);
/** File names of the metadata that the steps of sd-scripts' fine-tuning write. */
const KOHYA = /^meta_(cap|cap_dd|clean|lat)\.json$/u;
/** A quick test that is done first on each name. */
const MAYBE = /^(metadata\.|captions\.|meta_)/iu;
/** Most bytes of a table that is read. A table with a million captions is smaller. */
const MOST_BYTES = 256 << 20;

export async function readTables(root: string, folders: readonly Folder[]): Promise<Tables> {
  const captions = new Map<string, string>();
  const notes: string[] = [];
  const read = new Set<string>();
  for (const { path, files, outside, isOutside } of folders)
    for (const name of files) {
      if (!MAYBE.test(name)) continue;
      const lower = name.toLowerCase();
      const full = path === '' ? name : `${path}/${name}`;
      if (NAMED.has(lower))
        notes.push(
          `${full} may hold captions; it is not read: metadata.jsonl, metadata.csv or a .txt file for each image is`,
        );
      if (isOutside || outside.has(name) || !(READ.has(lower) || KOHYA.test(lower))) continue;
      const before = captions.size;
      const names = KOHYA.test(lower) ? imageNames(folders) : undefined;
      const words =
        lower === 'metadata.parquet' ? await readParquet(root, full, captions) : readTable(root, full, captions, names);
      notes.push(`${full} ${words}`);
      if (captions.size > before) read.add(full);
    }
  return { captions, notes, read };
}

/** Paths of images by their names with and without extension; an empty text for a name that several images have. */
function imageNames(folders: readonly Folder[]): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const { path, files } of folders)
    for (const name of files.filter(isImage))
      for (const key of new Set([name, stemOf(name)])) found.set(key, found.has(key) ? '' : posix.join(path, name));
  return found;
}

/**
 * Reads a table into `captions`.
 * @param names images by name, for metadata of sd-scripts
 * @returns the note about the table
 */
function readTable(
  root: string,
  path: string,
  captions: Map<string, string>,
  names: ReadonlyMap<string, string> | undefined,
): string {
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
  if (names !== undefined) return readKohya(text, captions, names);
  const rows = path.toLowerCase().endsWith('.csv') ? csvTable(text) : jsonlTable(text);
  if (rows === undefined) return NO_COLUMNS;
  let count = 0;
  const odd: number[] = [];
  for (const { line, row } of rows) {
    if (row === undefined) odd.push(line);
    else {
      count += 1;
      captions.set(posix.join(posix.dirname(path), row.file), row.words);
    }
  }
  return tableNote(count, 'line', odd);
}

const NO_COLUMNS = `has no columns file_name and ${WORD_KEYS.join(' or ')}, and is not read`;

function tableNote(count: number, unit: 'line' | 'row', odd: readonly number[]): string {
  const rest =
    odd.length === 0 ? '' : `; not understood: ${unit} ${odd.slice(0, 3).join(', ')}${odd.length > 3 ? ' …' : ''}`;
  return `holds ${plural(count, 'caption')}; read for images without a caption file${rest}`;
}

/** Does the same as `readTable` for a parquet table. Its reader is loaded only when a table is found. */
async function readParquet(root: string, path: string, captions: Map<string, string>): Promise<string> {
  const { NoColumns, parquetRows } = await import('./words/parquet-table.ts');
  let count = 0;
  let number = 0;
  const odd: number[] = [];
  try {
    for await (const one of parquetRows(`${root}/${path}`, ['file_name', ...WORD_KEYS])) {
      number += 1;
      const row = rowOf(one);
      if (row === undefined) odd.push(number);
      else {
        count += 1;
        captions.set(posix.join(posix.dirname(path), row.file), row.words);
      }
    }
  } catch (error) {
    if (error instanceof NoColumns) return NO_COLUMNS;
    if ((error as NodeJS.ErrnoException).code !== undefined || error instanceof NotRegularError)
      return openProblem(path, error);
    const before = count === 0 ? '' : ` behind row ${number}; ${plural(count, 'caption')} before it`;
    return `cannot be read as parquet${before}: ${oneLine((error as Error).message).slice(0, 200)}`;
  }
  return tableNote(count, 'row', odd);
}

/**
 * Reads metadata of sd-scripts: an object whose keys are the images' whole paths, or names without extension. As in
 * sd-scripts, the tags follow the caption. A later step's file adds to the captions of earlier files for other images.
 */
function readKohya(text: string, captions: Map<string, string>, names: ReadonlyMap<string, string>): string {
  let entries: [string, unknown][];
  try {
    const parsed: unknown = JSON.parse(text.replace(/^\ufeff/u, ''));
    entries = typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed) ? Object.entries(parsed) : [];
  } catch {
    return 'is no JSON and is not read';
  }
  let count = 0;
  let lost = 0;
  for (const [key, value] of entries) {
    const path = names.get(posix.basename(key.replaceAll('\\', '/')));
    const words = kohyaWords(value);
    if (path === undefined || path === '' || words === '') lost += 1;
    else {
      captions.set(path, words);
      count += 1;
    }
  }
  const rest = lost === 0 ? '' : `; ${lost} of no image here, of several, or without words`;
  return `holds ${plural(count, 'caption')}; read for images without a caption file${rest}`;
}

function kohyaWords(value: unknown): string {
  const { caption, tags } = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  const texts = [caption, tags].filter((one): one is string => typeof one === 'string').map(oneLine);
  const words = texts.filter((one) => one !== '').join(', ');
  return words.length > CAPTION_LIMIT ? '' : words;
}

interface Row {
  readonly file: string;
  readonly words: string;
}

type Rows = Iterable<{ readonly line: number; readonly row: Row | undefined }>;

function* jsonlTable(text: string): Rows {
  for (const [index, line] of text.split('\n').entries())
    if (line.trim() !== '') yield { line: index + 1, row: jsonRow(line) };
}

function jsonRow(line: string): Row | undefined {
  try {
    return rowOf(JSON.parse(line.replace(/^\ufeff/u, '')));
  } catch {
    return undefined;
  }
}

/** The rows of a CSV table. The first row names the columns. */
function csvTable(text: string): Rows | undefined {
  const table = csvRows(text, CAPTION_LIMIT);
  const head = table.next();
  const names = head.done === true ? [] : (head.value.fields ?? []).map((name) => name.trim());
  const wanted = ['file_name', ...WORD_KEYS].filter((name) => names.includes(name));
  if (wanted[0] !== 'file_name' || wanted.length < 2) return undefined;
  const columns = wanted.map((name) => [name, names.indexOf(name)] as const);
  return csvCaptions(table, columns);
}

function* csvCaptions(table: Iterable<CsvRow>, columns: readonly (readonly [string, number])[]): Rows {
  for (const { line, fields } of table) {
    const row = fields && rowOf(Object.fromEntries(columns.map(([name, i]) => [name, fields[i]])));
    yield { line, row };
  }
}

function rowOf(value: unknown): Row | undefined {
  const words = wordsOf(value);
  if (words !== undefined && words.length > CAPTION_LIMIT) return undefined;
  const file = (value as { file_name?: unknown } | null)?.file_name;
  return typeof file === 'string' && words !== undefined ? { file, words: oneLine(words) } : undefined;
}
