/**
 * Fetches uv, a program in a single file: it makes environments where Python's venv module is missing, and installs a
 * Python where there is none. Its version and the hash of its wheel are pinned; it is stored in our own folder, and
 * nothing else is changed.
 */
import {
  chmodSync,
  closeSync,
  copyFileSync,
  createWriteStream,
  existsSync,
  openSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fromFdPromise } from 'yauzl';
import { sha256OfFile } from '../../../base/files/hash.ts';
import { makePrivateFolder } from '../../../base/files/private-folder.ts';
import { fetchFile } from '../../../download/fetch-file.ts';
import { createClient } from '../../../download/http/client.ts';
import type { DownloadSettings } from '../../../download/http/settings.ts';
import { UV_VERSION, type UvFile } from './uv-files.ts';
import { type FoundWheel, findWheel, type WheelSources } from './wheel-source.ts';

export interface UvInput {
  /** Folder of our environments. */
  readonly envs: string;
  readonly file: UvFile;
  readonly sources: WheelSources;
  readonly settings: DownloadSettings;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  readonly onBytes: (done: number, total: number) => void;
}

/** Folder of the uv that was fetched, to be put on the PATH. */
export const uvFolder = (envs: string): string => join(envs, `uv-${UV_VERSION}`);

/**
 * Fetches uv from the first of the person's sources that has the pinned wheel, unless it is already here.
 * @returns its folder; undefined when no source has that wheel
 * @throws DownloadError, errors of the file system, or the signal's reason
 */
export async function fetchUv(input: UvInput): Promise<string | undefined> {
  const folder = uvFolder(input.envs);
  if (existsSync(join(folder, 'uv'))) return folder;
  makePrivateFolder(folder);
  const wheel = join(folder, input.file.name);
  if (!(await placeWheel(input, wheel))) return undefined;
  await unpackUv(wheel, join(folder, 'uv'));
  rmSync(wheel, { force: true });
  return folder;
}

/**
 * Puts the wheel with the pinned hash at `wheel`.
 * @returns whether a source had it
 */
async function placeWheel({ file, sources, settings, env, signal, onBytes }: UvInput, wheel: string): Promise<boolean> {
  const client = createClient(settings, env);
  let found: readonly FoundWheel[];
  try {
    found = await findWheel('uv', file.name, sources, { client, signal });
  } finally {
    await client.close();
  }
  for (const place of found) {
    if (place.kind !== 'file') continue;
    copyFileSync(place.path, wheel);
    if ((await sha256OfFile(wheel, undefined, signal)) === file.sha256) return true;
    rmSync(wheel, { force: true });
  }
  const urls = found.flatMap((place) => (place.kind === 'url' ? [{ kind: 'url', url: place.url } as const] : []));
  if (urls.length === 0) return false;
  await fetchFile(
    { path: wheel, sha256: file.sha256, bytes: file.bytes, sources: urls, name: `uv ${UV_VERSION}` },
    { settings, env, signal, onProgress: ({ done }) => onBytes(done, file.bytes) },
  );
  return true;
}

/** Extracts the program from a wheel whose hash was checked. The program gets its name when it is complete. */
async function unpackUv(wheel: string, to: string): Promise<void> {
  const file = openSync(wheel, 'r');
  const part = `${to}.part-${process.pid}`;
  try {
    const zip = await fromFdPromise(file, { autoClose: false });
    for await (const entry of zip.eachEntry())
      if (entry.fileName.endsWith('.data/scripts/uv'))
        await pipeline(await zip.openReadStreamPromise(entry), createWriteStream(part, { mode: 0o700 }));
  } finally {
    closeSync(file);
  }
  chmodSync(part, 0o700);
  renameSync(part, to);
}
