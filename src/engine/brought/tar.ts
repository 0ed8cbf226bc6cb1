/** Unpacks tar files, plain or compressed by gzip or zstd, that may come from anybody. */
import { createReadStream } from 'node:fs';
import { PassThrough, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { extract } from 'tar-stream';
import { openGiven } from '../../base/files/regular-file.ts';
import { archiveError, damaged, Entries, type EntryKind } from './entries.ts';
import type { Unpacking } from './store.ts';

const KINDS: Readonly<Record<string, EntryKind>> = {
  file: 'file',
  'contiguous-file': 'file',
  directory: 'folder',
  link: 'link',
  symlink: 'link',
};
/** Most bytes of a file; no image is larger. */
const MOST_FILE = 2 ** 32;

/**
 * Unpacks an archive.
 * @throws UsageError for one that is damaged or was made to do harm
 */
export async function unpackTar({ path, size, store, progress, signal }: Unpacking): Promise<number> {
  const entries = new Entries(path, size);
  const archive = createReadStream(path, { fd: openGiven(path) });
  let read = 0;
  archive.on('data', (part) => {
    read += part.length;
  });
  const tar = extract();
  const unpacked = expanding(path);
  // The pipeline rejects with an error of any part; reading the entries reports the same error.
  const piped = pipeline(archive, unpacked, tar, { signal });
  piped.catch(() => {});
  try {
    for await (const entry of tar) {
      const { name, size: bytes = 0 } = entry.header;
      const inside = entries.take(name, KINDS[String(entry.header.type)] ?? 'other');
      entries.count(bytes);
      if (bytes > MOST_FILE) throw damaged(path, `${name} is larger than any picture`);
      if (inside === undefined || store.has(inside, bytes)) entry.resume();
      else await store.write(inside, entry as unknown as Readable);
      progress(read, size);
    }
    await piped;
    return entries.files;
  } catch (error) {
    tar.destroy();
    archive.destroy();
    throw archiveError(error, path, signal);
  }
}

function expanding(path: string) {
  if (/\.(tgz|tar\.gz)$/iu.test(path)) return createGunzip();
  return /\.(tzst|tar\.zst)$/iu.test(path) ? createZstdDecompress() : new PassThrough();
}
