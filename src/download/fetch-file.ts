/**
 * Fetches one file. It looks for the file and for copies of it on this machine, waits for other processes that fetch
 * it, tries every source in turn, verifies the hash, and only then gives the file its final name.
 */
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { DownloadError } from '../base/errors.ts';
import { checkRoom, commitFile, diskError, setAside, sizeOf } from '../base/files/disk.ts';
import { makeFolder } from '../base/files/folder.ts';
import { sha256OfFile } from '../base/files/hash.ts';
import { exhausted, wrongHash } from './download-errors.ts';
import { openJournal, readJournal } from './file/journal.ts';
import { openOwn } from './file/own-file.ts';
import { PartialFile } from './file/partial-file.ts';
import { isKept, keptPieces, partNames } from './file/partials.ts';
import { PieceMap } from './file/pieces.ts';
import { withFileLock } from './file-lock.ts';
import { type Client, createClient } from './http/client.ts';
import { type Failure, Fault } from './http/fault.ts';
import { probeSize } from './http/probe.ts';
import type { DownloadSettings } from './http/settings.ts';
import { type Address, addresses } from './http/sources.ts';
import { Throttle } from './transfer/meter.ts';
import { repair } from './transfer/repair.ts';
import { type FileProgress, FileReporter } from './transfer/report.ts';
import type { SourceJob } from './transfer/source-job.ts';
import { transfer } from './transfer/transfer.ts';
import type { Reuse, WantedFile } from './wanted.ts';

export interface FetchOptions {
  readonly settings: DownloadSettings;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  /** Looks for the same bytes in other places on this machine. */
  readonly reuse?: Reuse;
  readonly onProgress: (progress: FileProgress) => void;
}

export type Outcome = 'already there' | 'reused' | 'downloaded';

/**
 * Puts a file with this SHA-256 at `path`. No other bytes ever appear under that name.
 * @throws DownloadError, EnvironmentError (disk), or the signal's reason; what was fetched is kept for the next try
 */
export async function fetchFile(wanted: WantedFile, options: FetchOptions): Promise<Outcome> {
  const report = new FileReporter(wanted.name, wanted.bytes, options.settings.reportEvery, options.onProgress);
  const limit = options.settings.totalTimeout;
  const signal = limit === null ? options.signal : AbortSignal.any([options.signal, AbortSignal.timeout(limit * 1000)]);
  try {
    makeFolder(dirname(wanted.path));
    return await withFileLock(wanted.path, signal, report, () => work(wanted, { ...options, signal }, report));
  } catch (error) {
    if (options.signal.aborted) throw options.signal.reason;
    if (signal.aborted)
      throw new DownloadError(`${wanted.name} took longer than ${limit} s.`, {
        id: 'download/too-slow',
        details: ['What is downloaded so far is kept; the same command goes on from there.'],
        nextSteps: [
          'Give it more seconds:  export VISIONTRAIN_DOWNLOAD_TIMEOUT=3600',
          'or as long as it takes:  unset VISIONTRAIN_DOWNLOAD_TIMEOUT',
        ],
        cause: error,
      });
    throw diskError(error, wanted.path, isKept(wanted.path)) ?? error;
  }
}

async function work(wanted: WantedFile, options: FetchOptions, report: FileReporter): Promise<Outcome> {
  if (await alreadyThere(wanted, options, report)) return finish(report, wanted, 'already there');
  const found = await options.reuse?.(wanted, report, options.signal);
  if (found !== undefined) return finish(report, wanted, 'reused');
  if (options.settings.offline)
    throw new DownloadError(`${wanted.name} is not on this machine, and offline mode is on.`, {
      id: 'download/offline',
      nextSteps: ['Unset VISIONTRAIN_OFFLINE (or HF_HUB_OFFLINE), or put the file there yourself:', `  ${wanted.path}`],
    });
  if (wanted.sources.length === 0)
    throw new DownloadError(`Nobody is known to offer ${wanted.name}.`, {
      id: 'download/no-source',
      nextSteps: ['If you have the file, put it there yourself:', `  ${wanted.path}`],
    });
  const client = createClient(options.settings, options.env);
  try {
    await download(wanted, options, report, client);
  } finally {
    await client.close();
  }
  return finish(report, wanted, 'downloaded');
}

function finish(report: FileReporter, wanted: WantedFile, outcome: Outcome): Outcome {
  const size = sizeOf(wanted.path);
  report.stage('done', size ?? 0, size);
  return outcome;
}

/** Whether the right file is at its path already. A wrong one is moved aside, never overwritten. */
async function alreadyThere(wanted: WantedFile, { signal }: FetchOptions, report: FileReporter): Promise<boolean> {
  const size = sizeOf(wanted.path);
  if (size === undefined) return false;
  if (wanted.bytes === undefined || wanted.bytes === size) {
    report.stage('verifying', 0, size);
    if ((await sha256OfFile(wanted.path, (n) => report.bytes(n, n), signal)) === wanted.sha256) {
      const { part, journal } = partNames(wanted.path);
      await rm(part, { force: true });
      await rm(journal, { force: true });
      return true;
    }
  }
  const aside = await setAside(wanted.path, 'other');
  report.note(`another file had this name; it is now ${basename(aside)}`);
  return false;
}

async function download(
  wanted: WantedFile,
  options: FetchOptions,
  report: FileReporter,
  client: Client,
): Promise<void> {
  const { settings, env, signal } = options;
  const all = addresses(wanted.sources, basename(wanted.path), settings, env);
  const failures: Failure[] = [];
  const size = wanted.bytes ?? (await probeSize(all, { client, settings, signal, failures }));
  if (size === undefined) throw exhausted(wanted, failures, env);
  const partialFile = await openPartialFile(wanted, size, report);
  const job: SourceJob = {
    client,
    partialFile,
    settings,
    throttle: settings.limit === null ? undefined : new Throttle(settings.limit, performance.now() / 1000),
    partial: new Map(),
    name: basename(wanted.path),
    sha256: wanted.sha256,
    signal,
    watcher: {
      received: (bytes, fresh) => report.bytes(bytes, fresh),
      connections: (count) => report.connections(count),
      note: (text) => report.note(text),
    },
  };
  const { part, journal } = partNames(wanted.path);
  try {
    const usable = all.filter((address) => !failures.some((failure) => failure.address === address));
    report.stage('downloading', partialFile.pieces.doneBytes, size);
    const last = await fromAny(usable, job, report, failures);
    if (last === undefined) throw exhausted(wanted, failures, env);
    report.stage('verifying', partialFile.hashedBytes, size);
    await partialFile.hashed(() => report.stage('verifying', partialFile.hashedBytes, size), signal);
    if ((await partialFile.digest()) !== wanted.sha256) {
      const others = usable.filter((address) => address !== last && !failures.some((f) => f.address === address));
      if (!(await repair(job, [...others, last], report))) throw await wrongHash(wanted, await partialFile.digest());
    }
    await partialFile.seal();
  } finally {
    await partialFile.close();
  }
  await commitFile(part, wanted.path);
  await rm(journal, { force: true });
}

/**
 * Tries the addresses in order until all pieces are there. Returns the address that finished, or undefined when none
 * could.
 */
async function fromAny(
  usable: readonly Address[],
  job: SourceJob,
  report: FileReporter,
  failures: Failure[],
): Promise<Address | undefined> {
  for (const [index, address] of usable.entries()) {
    report.source(address.label);
    try {
      await transfer({ ...job, address });
      return address;
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      failures.push({ address, fault: error });
      const next = usable[index + 1];
      if (next !== undefined) report.note(`${error.message}; going on at ${next.label}`);
    }
  }
  return undefined;
}

/**
 * Opens the partial file with the pieces that its journal vouches for. A partial file of other contents is moved aside.
 */
async function openPartialFile(wanted: WantedFile, size: number, report: FileReporter): Promise<PartialFile> {
  const names = partNames(wanted.path);
  const kept = keptPieces(wanted, size);
  if (kept === undefined && existsSync(names.part) && readJournal(names.journal) !== undefined)
    report.note(`an unfinished download of another file is now ${basename(await setAside(names.part, 'other'))}`);
  // The free space is checked before memory is allocated, because the size may be no more than a server's claim.
  checkRoom(dirname(wanted.path), size - (kept?.doneBytes ?? 0), wanted.name);
  const pieces = kept ?? new PieceMap(size);
  const part = await openOwn(names.part);
  const identity = { sha256: wanted.sha256, size };
  const journal = await openJournal(names.journal, identity, { fresh: pieces.doneBytes === 0 }).catch(async (error) => {
    await part.close();
    throw error;
  });
  return new PartialFile(part, journal, pieces, (piece) => {
    report.bytes(0, -pieces.lengthOf(piece));
    report.note(`megabyte ${piece + 1} of what was here already is damaged; it is fetched again`);
  });
}
