/** Fetches a data set of a Hugging Face hub, at one commit, as a folder of ours. */
import { createHash } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import pMap from 'p-map';
import { DownloadError, UsageError, type VisiontrainError } from '../../base/errors.ts';
import { writeFileAtomic } from '../../base/files/atomic.ts';
import { checkRoom } from '../../base/files/disk.ts';
import { sha256OfText } from '../../base/files/hash.ts';
import { makePrivateFolder } from '../../base/files/private-folder.ts';
import { statOf } from '../../base/files/stat.ts';
import { pause } from '../../base/sleep.ts';
import { fetchFile } from '../../download/fetch-file.ts';
import { readStart } from '../../download/http/ask.ts';
import { type Client, createClient } from '../../download/http/client.ts';
import { Fault } from '../../download/http/fault.ts';
import { type DownloadSettings, downloadSettings } from '../../download/http/settings.ts';
import type { Source } from '../../download/http/source.ts';
import { addresses } from '../../download/http/sources.ts';
import { progressEvent } from '../../registry/fetch/fetch-model.ts';
import { createReuse } from '../../registry/fetch/reuse.ts';
import { checkInside, type Listed } from '../../registry/hub/hub-listing.ts';
import { listRepository } from '../../registry/hub/hub-model.ts';
import { isImage } from '../dataset/names.ts';
import { isPassedOver } from '../dataset/walk.ts';
import { type BringInput, StoreFolder } from './store.ts';
import { isUnpacked, unpackerOf } from './unpackers.ts';

/** Matches `owner/name`, `owner/name@revision`, `owner/name/folder/in/it`. */
const ID = /^([\w.-]+\/[\w.-]+)(?:@([^/\s]+))?(?:\/(.+))?$/u;
/** Files of a data set beside images: captions, and tables of captions. */
const WORDS = /\.(txt|caption|json|jsonl|csv)$/iu;
/** Most files of a repository. */
const MOST_FILES = 500_000;
/** Most bytes of a file outside of large file storage, which is read into memory. */
const MOST_SMALL = 32 << 20;
/** Small files that are fetched at the same time. */
const SIDE_BY_SIDE = 8;
const TRIES = 4;
const FIRST_WAIT_MS = 500;

interface Wanted {
  readonly repo: string;
  readonly revision: string;
  /** Folder in the repository; empty for all of it. */
  readonly inner: string;
}

interface Job extends BringInput {
  readonly settings: DownloadSettings;
  readonly client: Client;
  readonly wanted: Wanted;
}

/**
 * The folder with the data set `owner/name`.
 * @throws UsageError for a text that is no id, or a data set without images; DownloadError when the hub cannot serve
 *   it
 */
export async function fetchDataset(id: string, bringing: BringInput): Promise<string> {
  const [, repo, revision = 'main', inner = ''] = ID.exec(id) ?? [];
  if (repo === undefined)
    throw new UsageError(`hf:${id} names no data set of the hub.`, {
      id: 'dataset/hub',
      nextSteps: ['Name it as hf:owner/name, with @revision or /folder behind it where you want.'],
    });
  const settings = downloadSettings(bringing.env);
  const pointer = join(bringing.places.home, 'datasets', `hub-${sha256OfText(id)}.json`);
  const known = knownFolder(pointer, bringing);
  // A commit never changes. Without a network, the last fetched commit is used.
  if (known !== undefined && (settings.offline || /^[0-9a-f]{40}$/u.test(revision))) return known;
  const client = createClient(settings, bringing.env);
  try {
    const wanted = { repo: `datasets/${repo}`, revision, inner: inner.replace(/\/+$/u, '') };
    return await fetched({ ...bringing, settings, client, wanted }, pointer);
  } catch (error) {
    if (known !== undefined && error instanceof Fault && error.kind === 'network') {
      bringing.tools.note({ level: 'warn', text: `hf:${id}: the hub is not reached; what was fetched before is used` });
      return known;
    }
    throw error instanceof Fault ? notFetched(id, error) : error;
  } finally {
    await client.close();
  }
}

function notFetched(id: string, fault: Fault): VisiontrainError {
  const isRefused = fault.kind === 'denied';
  return new DownloadError(`The data set hf:${id} cannot be fetched.`, {
    id: 'dataset/hub',
    details: [`${fault.message}.`, 'What is here already is kept.'],
    nextSteps: isRefused
      ? ['Accept its terms on its page if it asks for it, and set HF_TOKEN to a token of your account.']
      : ['Check the spelling; the same command goes on where it stopped.'],
    cause: fault,
  });
}

/** The folder of an earlier fetch of the same id. */
function knownFolder(pointer: string, { places }: BringInput): string | undefined {
  try {
    const { store: id } = JSON.parse(readFileSync(pointer, 'utf8')) as { store?: unknown };
    if (typeof id !== 'string' || !/^[0-9a-f]{64}$/u.test(id)) return undefined;
    const store = new StoreFolder(places, id);
    return store.isWhole ? store.files : undefined;
  } catch {
    return undefined;
  }
}

async function fetched(job: Job, pointer: string): Promise<string> {
  const { wanted, places, tools } = job;
  const { api, commit, files } = await listRepository(wanted, { ...job, signal: tools.signal });
  if (commit === undefined) throw new Fault('page', `${api.label} tells no commit of ${wanted.repo}`);
  const id = sha256OfText(['hub', job.settings.hub, wanted.repo, commit, wanted.inner].join('\0'));
  const store = new StoreFolder(places, id, { name: wanted.repo.split('/').at(-1) ?? '' });
  if (!store.isWhole) {
    makePrivateFolder(join(places.home, 'datasets'));
    store.begin();
    const chosen = choose(files, job);
    for (const { path } of chosen) checkInside(path, api.label);
    tools.phase(`fetching ${wanted.repo} at ${commit.slice(0, 8)}`);
    await fetchAll(chosen, { ...job, wanted: { ...wanted, revision: commit } }, store);
    store.end({ hub: job.settings.hub, ...wanted, commit, files: chosen.length });
  }
  writeFileAtomic(pointer, `${JSON.stringify({ store: id, commit })}\n`, 0o600);
  return store.files;
}

/**
 * The images with their captions, else the archives and parquet files.
 * @throws UsageError where there are neither
 */
function choose(files: readonly Listed[], { wanted: { repo, inner } }: Job): readonly Listed[] {
  const inside = files.filter(
    ({ path }) => (inner === '' || path.startsWith(`${inner}/`)) && !path.split('/').some(isPassedOver),
  );
  const images = inside.filter(({ path }) => isImage(path));
  const chosen =
    images.length > 0
      ? inside.filter(({ path }) => isImage(path) || WORDS.test(path) || /(^|\/)metadata\.parquet$/u.test(path))
      : inside.filter(({ path }) => isUnpacked(path));
  if (chosen.length === 0)
    throw new UsageError(
      `${repo} holds no pictures, and no archive or parquet file${inner === '' ? '' : ` in ${inner}`}.`,
      {
        id: 'dataset/hub',
        nextSteps: ['Look at its files on the hub; a folder of it is named as hf:owner/name/folder.'],
      },
    );
  if (chosen.length > MOST_FILES)
    throw new UsageError(`${repo} has ${chosen.length} files; name a folder of it: hf:owner/name/folder.`, {
      id: 'dataset/hub',
    });
  return chosen;
}

async function fetchAll(chosen: readonly Listed[], job: Job, store: StoreFolder): Promise<void> {
  const { tools } = job;
  const total = chosen.reduce((sum, { bytes }) => sum + (bytes ?? 0), 0);
  checkRoom(store.dir, total, 'the data set');
  const isArchive = !chosen.some(({ path }) => isImage(path));
  let done = 0;
  const count = (file: Listed) => {
    done += 1;
    tools.progress({ item: 'files', unit: 'images', done, total: chosen.length, detail: file.path });
  };
  const large = chosen.filter(({ sha256 }) => sha256 !== undefined);
  await pMap(
    chosen.filter(({ sha256 }) => sha256 === undefined),
    async (file) => {
      if (!store.has(file.path, file.bytes)) await fetchSmall(file, job, store.at(file.path));
      count(file);
    },
    { concurrency: SIDE_BY_SIDE },
  );
  for (const file of large) {
    const path = isArchive ? join(store.dir, 'raw', file.path) : store.at(file.path);
    await fetchLarge(file, job, path);
    count(file);
  }
  if (isArchive) await unpackAll(chosen, job, store);
}

/** Unpacks each archive into a folder named after it. */
async function unpackAll(chosen: readonly Listed[], { tools }: Job, store: StoreFolder): Promise<void> {
  for (const { path } of chosen) {
    const raw = [join(store.dir, 'raw', path), store.at(path)].find((one) => statOf(one) !== undefined);
    const unpack = await unpackerOf(path);
    if (raw === undefined || unpack === undefined) continue;
    const below = store.below(path.replace(/\.[^/]+$/u, ''));
    const progress = (done: number, total: number) => tools.progress({ item: path, unit: 'bytes', done, total });
    await unpack({ path: raw, size: statOf(raw)?.size ?? 0, store: below, progress, signal: tools.signal });
  }
  for (const { path } of chosen) rmSync(store.at(path), { force: true });
  rmSync(join(store.dir, 'raw'), { recursive: true, force: true });
}

const sourceOf = ({ repo, revision }: Wanted, path: string): Source => ({ kind: 'hub', repo, revision, path });

async function fetchLarge(file: Listed, { wanted, settings, places, env, tools }: Job, path: string): Promise<void> {
  await fetchFile(
    { path, sha256: file.sha256 ?? '', bytes: file.bytes, sources: [sourceOf(wanted, file.path)], name: file.path },
    {
      ...{ settings, env, signal: tools.signal, reuse: createReuse(places, env) },
      onProgress: (progress) => {
        const { phase: _, ...event } = progressEvent(progress);
        tools.progress(event);
      },
    },
  );
}

/** Fetches a file that the hub keeps in git, and compares it with the SHA-1 of its git blob. */
async function fetchSmall(file: Listed, { wanted, settings, env, client, tools }: Job, to: string): Promise<void> {
  const [address] = addresses([sourceOf(wanted, file.path)], file.path, settings, env);
  if (address === undefined) throw new Error('a source has an address');
  for (let tries = 1; ; tries += 1)
    try {
      const body = await readStart(client, address, MOST_SMALL + 1, tools.signal);
      if (body.length > MOST_SMALL) throw new Fault('page', `${file.path} is too large to come without a hash`);
      if (file.bytes !== undefined && body.length !== file.bytes)
        throw new Fault('truncated', `${file.path} came with ${body.length} of ${file.bytes} bytes`);
      if (file.blob !== undefined && gitBlob(body) !== file.blob)
        throw new Fault('truncated', `${file.path} is not the file that the commit names`);
      writeFileAtomic(to, body, 0o600);
      return;
    } catch (error) {
      const isPassing = error instanceof Fault && ['network', 'stalled', 'truncated', 'busy'].includes(error.kind);
      if (!isPassing || tries >= TRIES) throw error;
      await pause(FIRST_WAIT_MS * 2 ** (tries - 1), tools.signal);
    }
}

const gitBlob = (bytes: Buffer) => createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
