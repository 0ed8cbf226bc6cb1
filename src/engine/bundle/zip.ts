/**
 * Writes zip files whose bytes depend on their contents alone: nothing is compressed, since another version of zlib
 * compresses to other bytes, and all times are the earliest of the format.
 */
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, renameSync, rmSync, statSync } from 'node:fs';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ZipFile } from 'yazl';
import { sha256OfBytes, sha256OfFile } from '../../base/files/hash.ts';

/** A file for a zip: its bytes, or the path of a file with them. */
export type ZipSource = { readonly name: string } & ({ readonly bytes: Buffer } | { readonly path: string });

/** The earliest time of the format. It is local time, so it must be the first of January in this time zone. */
const firstTime = () => new Date(1980, 0, 1);

/**
 * Writes a zip file whole or not at all.
 * @returns its size in bytes and SHA-256
 */
export async function writeZip(
  path: string,
  sources: readonly ZipSource[],
): Promise<{ readonly bytes: number; readonly sha256: string }> {
  const zip = new ZipFile();
  const options = { mtime: firstTime(), mode: 0o100644, compress: false, forceDosTimestamp: true };
  const failed = new Promise<never>((_, reject) => zip.on('error', reject));
  failed.catch(() => {});
  for (const source of sources) {
    if ('bytes' in source) zip.addBuffer(source.bytes, source.name, options);
    else {
      const size = statSync(source.path).size;
      zip.addReadStreamLazy(source.name, { ...options, size }, (take) => take(null, createReadStream(source.path)));
    }
  }
  zip.end();
  const hash = createHash('sha256');
  const hashed = new Transform({
    transform(part, _encoding, done) {
      hash.update(part);
      done(null, part);
    },
  });
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    await Promise.race([
      pipeline(zip.outputStream, hashed, createWriteStream(temporary, { flags: 'wx', mode: 0o600, flush: true })),
      failed,
    ]);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  return { bytes: statSync(path).size, sha256: hash.digest('hex') };
}

export const sourceBytes = (source: ZipSource): number =>
  'bytes' in source ? source.bytes.length : statSync(source.path).size;

export const sourceSha256 = (source: ZipSource): Promise<string> =>
  'bytes' in source ? Promise.resolve(sha256OfBytes(source.bytes)) : sha256OfFile(source.path);
