/** Reads tables of captions in parquet (`metadata.parquet`), as image folders on the hub have them. */
import { closeSync, fstatSync, readSync } from 'node:fs';
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib';
import { type AsyncBuffer, type Compressors, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import { openGiven } from '../../../base/files/regular-file.ts';

/** Most bytes of a row group in the columns that are read, which are in memory at the same time. */
const MOST_GROUP = 2 ** 28;
/** Most rows; a data set has fewer images. */
const MOST_ROWS = 20_000_000;

/** Decompressors that hyparquet does not have itself. */
export const unpackers: Compressors = {
  GZIP: (input, length) => gunzipSync(input, { maxOutputLength: length }),
  BROTLI: (input, length) => brotliDecompressSync(input, { maxOutputLength: length }),
  ZSTD: (input, length) => zstdDecompressSync(input, { maxOutputLength: length }),
};

/**
 * Yields the rows of a table, in the wanted columns that it has.
 * @returns undefined when it lacks the first column, or all others
 * @throws an error for a file that is no parquet, is damaged, or would take too much memory
 */
export async function* parquetRows(
  path: string,
  wanted: readonly [string, ...string[]],
): AsyncGenerator<Record<string, unknown>, void> {
  const handle = openGiven(path);
  try {
    const file: AsyncBuffer = {
      byteLength: fstatSync(handle).size,
      slice: (start, end = file.byteLength) => readPart(handle, start, end),
    };
    const metadata = await parquetMetadataAsync(file);
    const names = new Set(metadata.schema.map(({ name }) => name));
    const columns = wanted.filter((name) => names.has(name));
    if (columns[0] !== wanted[0] || columns.length < 2) throw new NoColumns();
    if (Number(metadata.num_rows) > MOST_ROWS) throw new Error('it has too many rows');
    let row = 0;
    for (const group of metadata.row_groups) {
      const size = group.columns
        .filter(({ meta_data: meta }) => columns.includes(meta?.path_in_schema[0] ?? ''))
        .reduce((sum, { meta_data: meta }) => sum + Number(meta?.total_uncompressed_size ?? 0), 0);
      if (size > MOST_GROUP) throw new Error('a group of its rows is too large');
      const rowEnd = row + Number(group.num_rows);
      yield* await parquetReadObjects({ file, metadata, columns, rowStart: row, rowEnd, compressors: unpackers });
      row = rowEnd;
    }
  } finally {
    closeSync(handle);
  }
}

/** Thrown when a table lacks the wanted columns. */
export class NoColumns extends Error {}

function readPart(handle: number, start: number, end: number): ArrayBuffer {
  const length = end - start;
  if (length < 0 || length > MOST_GROUP) throw new Error('it is damaged');
  const bytes = new Uint8Array(length);
  for (let got = 0; got < length; ) {
    const count = readSync(handle, bytes, got, length - got, start + got);
    if (count === 0) throw new Error('it is cut short');
    got += count;
  }
  return bytes.buffer;
}
