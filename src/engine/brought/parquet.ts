/**
 * Unpacks parquet files in which Hugging Face keeps data sets of images: a column with the bytes of each image, and
 * one with its caption.
 */
import { type AsyncBuffer, type FileMetaData, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import { openGivenLater } from '../../base/files/regular-file.ts';
import { WORD_KEYS, wordsOf } from '../dataset/captions.ts';
import { unpackers as compressors } from '../dataset/words/parquet-table.ts';
import { archiveError, damaged, Entries } from './entries.ts';
import type { Unpacking } from './store.ts';

/** Names of caption columns: our usual keys, and names that captioned data sets of the hub use. */
const CAPTIONS: readonly string[] = [...WORD_KEYS, 'captions', 'description', 'additional_feature'];
const IMAGES: readonly string[] = ['image', 'img', 'jpg', 'png', 'webp', 'picture', 'pixel_values'];
/** Most bytes of a row group, which is held in memory as a whole. */
const MOST_GROUP = 2 ** 31;

/**
 * Unpacks a file.
 * @throws UsageError for a file that is no parquet, or has no images
 */
export async function unpackParquet({ path, size, store, progress, signal }: Unpacking): Promise<number> {
  const handle = await openGivenLater(path);
  const file: AsyncBuffer = {
    byteLength: size,
    slice: async (start, end = size) => {
      const bytes = Buffer.alloc(end - start);
      let got = 0;
      while (got < bytes.length) {
        const { bytesRead } = await handle.read(bytes, got, bytes.length - got, start + got);
        if (bytesRead === 0) throw new Error('it is cut short');
        got += bytesRead;
      }
      return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
    },
  };
  try {
    const metadata = await parquetMetadataAsync(file);
    const columns = columnsOf(path, metadata);
    const entries = new Entries(path, size);
    let row = 0;
    for (const group of metadata.row_groups) {
      signal.throwIfAborted();
      if (Number(group.total_byte_size) > MOST_GROUP) throw damaged(path, 'a group of its rows is too large');
      const rowEnd = row + Number(group.num_rows);
      const names = [columns.image, ...(columns.caption === undefined ? [] : [columns.caption])];
      const rows = await parquetReadObjects({
        file,
        metadata,
        columns: names,
        rowStart: row,
        rowEnd,
        utf8: false,
        compressors,
      });
      for (const [i, one] of rows.entries()) await keep(row + i, one);
      row = rowEnd;
      progress(Math.round((size * row) / Math.max(1, Number(metadata.num_rows))), size);
    }
    return entries.files;

    async function keep(index: number, one: Record<string, unknown>): Promise<void> {
      const bytes = imageBytes(one[columns.image]);
      if (bytes === undefined) return;
      const name = String(index).padStart(7, '0');
      const image = entries.take(`${name}${endingOf(bytes)}`, 'file') ?? name;
      entries.count(bytes.length);
      if (!store.has(image, bytes.length)) await store.write(image, [bytes]);
      const words = columns.caption === undefined ? undefined : captionOf(one[columns.caption]);
      if (words === undefined || words.trim() === '') return;
      const text = Buffer.from(words);
      if (!store.has(`${name}.txt`, text.length)) await store.write(`${name}.txt`, [text]);
    }
  } catch (error) {
    throw archiveError(error, path, signal);
  } finally {
    await handle.close();
  }
}

/** The columns of images and of captions, found by their types and then by their names. */
function columnsOf(path: string, { schema }: FileMetaData) {
  const top: { readonly name: string; readonly inner: readonly string[]; readonly type: string | undefined }[] = [];
  for (let i = 1; i < schema.length; ) {
    const element = schema[i];
    const end = skip(schema, i);
    const inner = schema.slice(i + 1, end).map(({ name }) => name);
    if (element !== undefined) top.push({ name: element.name, inner, type: element.type });
    i = end;
  }
  const image =
    top.find(({ inner }) => inner.includes('bytes')) ??
    top.find(({ name, type }) => type === 'BYTE_ARRAY' && IMAGES.includes(name));
  if (image === undefined)
    throw damaged(path, `it has no column with the bytes of pictures (${top.map(({ name }) => name).join(', ')})`);
  const caption = CAPTIONS.flatMap((key) => top.find(({ name }) => name === key) ?? [])[0];
  return { image: image.name, caption: caption?.name };
}

/** The index after an element of a schema and everything inside it. */
function skip(schema: FileMetaData['schema'], at: number): number {
  let next = at + 1;
  for (let children = schema[at]?.num_children ?? 0; children > 0; children -= 1) next = skip(schema, next);
  return next;
}

function imageBytes(value: unknown): Buffer | undefined {
  const bytes = value instanceof Uint8Array ? value : (value as { bytes?: unknown } | null)?.bytes;
  return bytes instanceof Uint8Array && bytes.length > 0 ? Buffer.from(bytes) : undefined;
}

/** The caption; if an image has several, the first one. */
function captionOf(value: unknown): string | undefined {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('utf8');
  if (Array.isArray(value) && value.every((one) => typeof one === 'string' && one.includes(' '))) return value[0];
  return wordsOf(value);
}

const MAGIC: readonly (readonly [string, RegExp])[] = [
  ['.png', /^\x89PNG/u],
  ['.jpg', /^\xff\xd8/u],
  ['.webp', /^RIFF[\s\S]{4}WEBP/u],
  ['.gif', /^GIF8/u],
  ['.bmp', /^BM/u],
  ['.tiff', /^(II\*\0|MM\0\*)/u],
  ['.avif', /^[\s\S]{4}ftypavi[fs]/u],
  ['.heic', /^[\s\S]{4}ftyp(hei|mif1)/u],
];

/**
 * The file ending for an image's bytes. Unknown bytes get the ending of an image, so that the scan reports what is
 * wrong.
 */
function endingOf(bytes: Buffer): string {
  const head = bytes.subarray(0, 16).toString('latin1');
  return MAGIC.find(([, magic]) => magic.test(head))?.[0] ?? '.jpg';
}
