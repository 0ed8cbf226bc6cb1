/** Opens zip files that may come from anybody; errors of the zip reader become errors about the archive. */
import { closeSync, fstatSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { type Entry, fromFdPromise, type ZipFile } from 'yauzl';
import { openGiven } from '../../base/files/regular-file.ts';
import { shorten } from '../../base/text.ts';

/**
 * Makes the errors of the calling module. Each function takes the path, and the problem in words that end a sentence.
 */
export interface ZipErrors {
  readonly damaged: (path: string, why: string, cause?: unknown) => Error;
  readonly unsafe: (path: string, why: string) => Error;
}

/** The reader's messages about refused names, each with our words that follow the name. */
const NAMES: readonly (readonly [RegExp, string])[] = [
  [/^absolute path: /u, 'is a path of its own'],
  [/^invalid relative path: /u, 'leads out of it'],
  [/^invalid characters in fileName: /u, 'is no name of a file'],
];

/**
 * Opens the file, passes it on with its size in bytes, and closes it.
 * @throws the archive's errors, or those of `use`
 */
export async function withZip<T>(
  path: string,
  errors: ZipErrors,
  use: (zip: ZipFile, size: number) => Promise<T>,
): Promise<T> {
  const file = openGiven(path);
  let zip: ZipFile;
  try {
    zip = await fromFdPromise(file, { autoClose: false, strictFileNames: true });
  } catch (error) {
    closeSync(file);
    throw errors.damaged(path, (error as Error).message, error);
  }
  try {
    return await use(zip, fstatSync(file).size);
  } finally {
    zip.close();
  }
}

/**
 * Yields the entries of the archive's directory.
 * @throws the archive's errors
 */
export async function* zipEntries(zip: ZipFile, path: string, errors: ZipErrors): AsyncGenerator<Entry> {
  try {
    yield* zip.eachEntry();
  } catch (error) {
    const { message } = error as Error;
    const [says, what] = NAMES.find(([pattern]) => pattern.test(message)) ?? [];
    throw says === undefined
      ? errors.damaged(path, message, error)
      : errors.unsafe(path, `${shorten(message.replace(says, ''), 100)} ${what}`);
  }
}

/**
 * The bytes of an entry. An error of the stream waits for its reader: without a listener of its own, one that comes before
 * anybody reads, as of an entry that is larger than it says, would end the process.
 */
export async function entryStream(zip: ZipFile, entry: Entry): Promise<Readable> {
  const stream = await zip.openReadStreamPromise(entry);
  stream.on('error', () => undefined);
  return stream;
}
