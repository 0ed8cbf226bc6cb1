/** Unpacks zip files that anybody may have made. */
import { closeSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { type Entry, fromFdPromise, type ZipFile } from 'yauzl';
import { openGiven } from '../../base/files/regular-file.ts';
import { shorten } from '../../base/text.ts';
import { damaged, Entries, type EntryKind, told, unsafe } from './entries.ts';
import type { Unpacking } from './store.ts';

const STORED = 0;
const DEFLATED = 8;
const TYPE = 0o170000;
/** Types in the mode that Unix keeps; programs of other systems leave it 0. */
const KINDS = new Map<number, EntryKind>([
  [0, 'file'],
  [0o100000, 'file'],
  [0o040000, 'folder'],
  [0o120000, 'link'],
]);

/** @throws UsageError for what is damaged or was made to do harm, before the first file is written where it can be told */
export async function unpackZip({ path, size, store, progress, signal }: Unpacking): Promise<number> {
  const file = openGiven(path);
  let zip: ZipFile;
  try {
    zip = await fromFdPromise(file, { autoClose: false, strictFileNames: true });
  } catch (error) {
    closeSync(file);
    throw damaged(path, (error as Error).message, error);
  }
  try {
    const entries = new Entries(path, size);
    const wanted: { readonly name: string; readonly entry: Entry }[] = [];
    for await (const entry of zip.eachEntry()) {
      const name = entries.take(entry.fileName, kindOf(entry));
      if (name === undefined) continue;
      const problem = methodProblem(entry);
      if (problem !== undefined) throw unsafe(path, `${shorten(name, 100)} ${problem}`);
      entries.count(entry.uncompressedSize);
      wanted.push({ name, entry });
    }
    let done = 0;
    for (const { name, entry } of wanted) {
      signal.throwIfAborted();
      if (!store.has(name, entry.uncompressedSize)) {
        let sum = 0;
        await store.write(name, await zip.openReadStreamPromise(entry), {
          onPart: (part) => {
            sum = crc32(part, sum);
          },
          onEnd: () => {
            if (sum !== entry.crc32) throw damaged(path, `${shorten(name, 100)} is damaged in it`);
          },
        });
      }
      done += entry.uncompressedSize;
      progress(done, entries.bytes);
    }
    return entries.files;
  } catch (error) {
    throw told(error, path, signal);
  } finally {
    zip.close();
  }
}

function kindOf({ fileName, externalFileAttributes }: Entry): EntryKind {
  if (fileName.endsWith('/')) return 'folder';
  return KINDS.get((externalFileAttributes >>> 16) & TYPE) ?? 'other';
}

function methodProblem(entry: Entry): string | undefined {
  if (entry.isEncrypted()) return 'is encrypted';
  return [STORED, DEFLATED].includes(entry.compressionMethod) ? undefined : 'is compressed in a way that is not read';
}
