/** Unpacks zip files that may come from anybody. */
import { crc32 } from 'node:zlib';
import type { Entry, ZipFile } from 'yauzl';
import { shorten } from '../../base/text.ts';
import { archiveError, damaged, Entries, type EntryKind, unsafe } from './entries.ts';
import { entryStream, withZip, zipEntries } from './open-zip.ts';
import type { Unpacking } from './store.ts';

const ERRORS = { damaged, unsafe };
const STORED = 0;
const DEFLATED = 8;
const TYPE = 0o170000;
/** File types in a Unix mode; programs of other systems leave the mode 0. */
const KINDS = new Map<number, EntryKind>([
  [0, 'file'],
  [0o100000, 'file'],
  [0o040000, 'folder'],
  [0o120000, 'link'],
]);

/**
 * Unpacks an archive.
 * @throws UsageError for one that is damaged or was made to do harm, if possible before the first file is written
 */
export async function unpackZip({ path, size, store, progress, signal }: Unpacking): Promise<number> {
  return withZip(path, ERRORS, async (zip) => {
    try {
      const entries = new Entries(path, size);
      const wanted: { readonly name: string; readonly entry: Entry }[] = [];
      for await (const entry of zipEntries(zip, path, ERRORS)) {
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
        if (!store.has(name, entry.uncompressedSize)) await unpackEntry(zip, entry, { name, path, store });
        done += entry.uncompressedSize;
        progress(done, entries.bytes);
      }
      return entries.files;
    } catch (error) {
      throw archiveError(error, path, signal);
    }
  });
}

/** Writes one file, and compares it with its checksum. */
async function unpackEntry(
  zip: ZipFile,
  entry: Entry,
  { name, path, store }: { readonly name: string } & Pick<Unpacking, 'path' | 'store'>,
): Promise<void> {
  let sum = 0;
  await store.write(name, await entryStream(zip, entry), {
    onPart: (part) => {
      sum = crc32(part, sum);
    },
    onEnd: () => {
      if (sum !== entry.crc32) throw damaged(path, `${shorten(name, 100)} is damaged in it`);
    },
  });
}

function kindOf({ fileName, externalFileAttributes }: Entry): EntryKind {
  if (fileName.endsWith('/')) return 'folder';
  return KINDS.get((externalFileAttributes >>> 16) & TYPE) ?? 'other';
}

function methodProblem(entry: Entry): string | undefined {
  if (entry.isEncrypted()) return 'is encrypted';
  return [STORED, DEFLATED].includes(entry.compressionMethod) ? undefined : 'is compressed in a way that is not read';
}
