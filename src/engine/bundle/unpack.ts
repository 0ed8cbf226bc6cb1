/**
 * Unpacks a bundle that may come from anybody. A file is written only if `bundle.json` lists it, with exactly the
 * listed size and hash; no link is made and no file outside of the folder. Bundles are not compressed, so nothing can
 * grow while it is unpacked.
 */
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { dirname, join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Entry, ZipFile } from 'yauzl';
import { UsageError } from '../../base/errors.ts';
import { checkRoom } from '../../base/files/disk.ts';
import { makeFolder } from '../../base/files/folder.ts';
import { shorten } from '../../base/text.ts';
import { entryStream, withZip, zipEntries } from '../brought/open-zip.ts';
import { BUNDLE_FILES, type BundledFile, type BundleManifest, bundleSchema, isInnerPath } from './manifest.ts';

/** Most bytes of bundle.json. */
const MOST_MANIFEST = 64 << 20;
/** Most entries of the archive that are read. */
const MOST_ENTRIES = 400_100;
const STORED = 0;
const FILE_TYPE = 0o170000;
const PLAIN = 0o100000;

/**
 * Reads bundle.json.
 * @throws UsageError for a file that is no bundle, or was made to do harm
 */
export async function readManifest(path: string): Promise<BundleManifest> {
  return withEntries(path, async (zip, entries) => (await manifestOf(path, zip, entries)).manifest);
}

/**
 * Unpacks all files of a bundle into an empty folder of this program.
 * @throws UsageError for a file that is no bundle, is damaged, or was made to do harm
 */
export async function unpackBundle(path: string, dir: string): Promise<BundleManifest> {
  return withEntries(path, async (zip, entries) => {
    const { manifest, listed } = await manifestOf(path, zip, entries);
    checkRoom(
      dir,
      [...listed.values()].reduce((sum, { bytes }) => sum + bytes, 0),
      'the bundle',
    );
    for (const [name, file] of listed) {
      const entry = entries.get(name);
      if (entry === undefined) throw damaged(path, `${name} is listed and not in it`);
      const to = join(dir, ...name.split('/'));
      makeFolder(dirname(to), 0o700);
      await unpackFile(path, { zip, entry }, file, to);
    }
    return manifest;
  });
}

async function withEntries<T>(
  path: string,
  use: (zip: ZipFile, entries: ReadonlyMap<string, Entry>) => Promise<T>,
): Promise<T> {
  return withZip(path, ERRORS, async (zip, size) => use(zip, await entriesOf(path, zip, size)));
}

async function entriesOf(path: string, zip: ZipFile, size: number): Promise<ReadonlyMap<string, Entry>> {
  const entries = new Map<string, Entry>();
  let bytes = 0;
  for await (const entry of zipEntries(zip, path, ERRORS)) {
    const problem = entryProblem(entry);
    if (problem !== undefined) throw unsafe(path, `${shorten(entry.fileName, 100)} ${problem}`);
    if (entries.has(entry.fileName)) throw unsafe(path, `${shorten(entry.fileName, 100)} is in it twice`);
    if (entries.size >= MOST_ENTRIES) throw unsafe(path, `it has more than ${MOST_ENTRIES} files`);
    bytes += entry.uncompressedSize;
    if (bytes > size) throw unsafe(path, 'its files together are larger than it is');
    entries.set(entry.fileName, entry);
  }
  return entries;
}

/** What is wrong with an entry, in words that follow its name; undefined when nothing is. */
function entryProblem(entry: Entry): string | undefined {
  const type = (entry.externalFileAttributes >>> 16) & FILE_TYPE;
  if (type !== 0 && type !== PLAIN) return 'is a link, or no plain file';
  if (!isInnerPath(entry.fileName)) return 'leads out of the bundle, or is no name of a file';
  if (entry.isEncrypted()) return 'is encrypted';
  if (entry.compressionMethod !== STORED || entry.compressedSize !== entry.uncompressedSize)
    return 'is compressed, as nothing in a bundle is';
  return undefined;
}

async function manifestOf(path: string, zip: ZipFile, entries: ReadonlyMap<string, Entry>) {
  const entry = entries.get(BUNDLE_FILES.manifest);
  if (entry === undefined) throw damaged(path, `it has no ${BUNDLE_FILES.manifest}`);
  if (entry.uncompressedSize > MOST_MANIFEST) throw unsafe(path, `its ${BUNDLE_FILES.manifest} is too large`);
  const parts: Buffer[] = [];
  let value: unknown;
  try {
    for await (const part of await entryStream(zip, entry)) parts.push(part as Buffer);
    value = JSON.parse(Buffer.concat(parts).toString('utf8'));
  } catch (error) {
    throw damaged(path, `its ${BUNDLE_FILES.manifest} cannot be read`, error);
  }
  const checked = bundleSchema.safeParse(value);
  if (!checked.success) {
    const [issue] = checked.error.issues;
    throw damaged(path, `its ${BUNDLE_FILES.manifest}: ${issue?.path.join('.')} ${issue?.message}`);
  }
  const manifest = checked.data;
  const inside = [...manifest.files, ...(manifest.images.inside ? manifest.images.files : [])];
  const listed = new Map(inside.map((file) => [file.path, file]));
  const unlisted = [...entries.keys()].find((name) => name !== BUNDLE_FILES.manifest && !listed.has(name));
  if (unlisted !== undefined) throw unsafe(path, `${shorten(unlisted, 100)} is in it and not listed`);
  for (const needed of [BUNDLE_FILES.spec, BUNDLE_FILES.plan])
    if (!listed.has(needed)) throw damaged(path, `it has no ${needed}`);
  return { manifest, listed };
}

async function unpackFile(
  path: string,
  { zip, entry }: { readonly zip: ZipFile; readonly entry: Entry },
  { bytes, sha256 }: BundledFile,
  to: string,
): Promise<void> {
  const name = entry.fileName;
  if (entry.uncompressedSize !== bytes) throw damaged(path, `${name} has another size than is listed`);
  const hash = createHash('sha256');
  const hashed = new Transform({
    transform(part, _encoding, done) {
      hash.update(part);
      done(null, part);
    },
  });
  try {
    await pipeline(await entryStream(zip, entry), hashed, createWriteStream(to, { flags: 'wx', mode: 0o600 }));
  } catch (error) {
    // Errors of the disk are passed on; all other errors are about the archive.
    throw (error as NodeJS.ErrnoException).syscall === undefined
      ? damaged(path, `${name}: ${(error as Error).message}`, error)
      : error;
  }
  if (hash.digest('hex') !== sha256) throw damaged(path, `${name} has other bytes than are listed`);
}

const damaged = (path: string, why: string, cause?: unknown) =>
  new UsageError(`${path} is no whole bundle: ${why.replace(/\.$/u, '')}.`, {
    id: 'bundle/damaged',
    nextSteps: [
      'Fetch it again, or have it made again:  visiontrain export RUN --bundle',
      'What other programs have unpacked is an ordinary run.yaml:  visiontrain run FOLDER/run.yaml',
    ],
    cause,
  });

const unsafe = (path: string, why: string) =>
  new UsageError(`${path} is not unpacked: ${why}.`, {
    id: 'bundle/unsafe',
    details: ['visiontrain makes no such bundles: another program made it, or changed it.'],
    nextSteps: ['Ask for it again, from somebody whom you know.'],
  });

const ERRORS = { damaged, unsafe };
