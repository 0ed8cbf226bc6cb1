/** Fetches all files of a registry entry. */

import { DownloadError } from '../../base/errors.ts';
import { makeModelsFolder } from '../../base/files/private-folder.ts';
import type { Places } from '../../base/paths.ts';
import { fetchFile } from '../../download/fetch-file.ts';
import { downloadSettings, type SettingsOverrides } from '../../download/http/settings.ts';
import { allowedTokenHosts } from '../../download/http/token-hosts.ts';
import type { FileProgress } from '../../download/transfer/report.ts';
import type { WantedFile } from '../../download/wanted.ts';
import { filePath, locateModel } from '../catalogue/locate.ts';
import type { AnyEntry, ModelFile } from '../catalogue/schema.ts';
import { checkRoomForAll } from './disk-space.ts';
import { createReuse } from './reuse.ts';

/** Progress of one file, in the form of a run's `progress` event. */
export interface ModelProgress {
  readonly phase: 'download';
  readonly item: string;
  readonly unit: 'bytes';
  readonly done: number;
  readonly total?: number;
  /** Bytes a second. */
  readonly rate?: number;
  readonly detail?: string;
}

export interface FetchModelOptions {
  readonly places: Places;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  /** Called with the progress of each file, in the form of a run's `progress` event. */
  readonly onProgress?: (progress: ModelProgress) => void;
  /** Called with all details of the progress, for callers that show more than a run's event holds. */
  readonly onFile?: (progress: FileProgress) => void;
  readonly settings?: SettingsOverrides;
  /** Whether only configuration and tokenizer files are fetched, because the person has the weights already. */
  readonly companionsOnly?: boolean;
}

/**
 * Makes `locateModel(entry).ready` true: fetches what is missing, or takes it from elsewhere on this machine.
 * @throws DownloadError, EnvironmentError, or the signal's reason; the next call goes on where this one stopped
 */
export async function fetchModel(entry: AnyEntry, options: FetchModelOptions): Promise<void> {
  const tokenHosts = allowedTokenHosts(options.places);
  const settings = downloadSettings(options.env, { tokenHosts, ...options.settings });
  const reuse = createReuse(options.places, options.env);
  const files = missingFiles(entry, options.places, options.companionsOnly);
  checkModelRoom([{ entry, companionsOnly: options.companionsOnly }], options);
  if (files.length > 0) makeModelsFolder(options.places.models);
  const batch = new BatchProgress(files);
  for (const file of files) {
    batch.next();
    await fetchFile(file, {
      settings,
      env: options.env,
      signal: options.signal,
      reuse,
      onProgress: (progress) => {
        options.onFile?.(batch.place(progress));
        options.onProgress?.(progressEvent(progress));
      },
    });
  }
}

/**
 * Progress of all files as one number that never goes back: a file that is verified or read again counts as fetched.
 */
class BatchProgress {
  readonly #files: number;
  readonly #total: number | undefined;
  #file = 0;
  #before = 0;
  #here = 0;

  constructor(files: readonly Pick<WantedFile, 'bytes'>[]) {
    this.#files = files.length;
    this.#total = files.some(({ bytes }) => bytes === undefined)
      ? undefined
      : files.reduce((sum, { bytes }) => sum + (bytes ?? 0), 0);
  }

  next(): void {
    this.#file += 1;
    this.#before += this.#here;
    this.#here = 0;
  }

  place(progress: FileProgress): FileProgress {
    if (this.#files < 2) return progress;
    const counts = progress.stage === 'downloading' || progress.stage === 'done';
    if (counts) this.#here = Math.max(this.#here, progress.done);
    const all = { file: this.#file, files: this.#files, done: this.#before + this.#here, total: this.#total };
    return { ...progress, all };
  }
}

/**
 * Checks, before the first byte, that there is room for all files together: a run needs both its base model and its
 * VAE.
 * @throws EnvironmentError when there is not
 */
export function checkModelRoom(
  needs: readonly { readonly entry: AnyEntry; readonly companionsOnly: boolean | undefined }[],
  { places, env }: Pick<FetchModelOptions, 'places' | 'env'>,
): void {
  // In offline mode nothing is fetched, and a file found on this machine is checked when it has to be copied.
  if (downloadSettings(env).offline) return;
  const files = needs.flatMap((need) => missingFiles(need.entry, places, need.companionsOnly));
  checkRoomForAll(files, needs.map(({ entry }) => entry.title).join(' and '), { places, env });
}

/**
 * The missing files of an entry. Small files come first, so that a wrong token shows at once and not after gigabytes.
 */
function missingFiles(entry: AnyEntry, places: Places, companionsOnly = false): WantedFile[] {
  return locateModel(entry, places)
    .missing.filter((file) => !companionsOnly || file.role === 'companion')
    .toSorted((a, b) => (a.bytes ?? 0) - (b.bytes ?? 0))
    .map((file) => wantedFile(entry, file, places));
}

/**
 * The request for one file of an entry.
 * @throws DownloadError when the entry has neither a hash nor a source for the file
 */
function wantedFile(entry: AnyEntry, file: ModelFile, places: Places): WantedFile {
  if (file.local !== undefined)
    throw new DownloadError(`${file.local} is gone.`, {
      id: 'download/no-source',
      details: [`${entry.id} was added from that file, and nothing else is known of it.`],
      nextSteps: [`Put it back, or remove the entry: visiontrain models rm ${entry.id}`],
    });
  if (file.sha256 === undefined)
    throw new DownloadError(`${entry.id}: the hash of ${file.path} is unknown, so it cannot be fetched safely.`, {
      id: 'download/no-source',
    });
  return {
    path: filePath(entry, file, places),
    sha256: file.sha256,
    bytes: file.bytes,
    sources: file.sources,
    name: file.path,
  };
}

/**
 * Progress of a file as a run's event: bytes of the file, with each stage (fetching, verifying …) counted on its own.
 */
export function progressEvent(progress: FileProgress): ModelProgress {
  const { name, stage, done, total, rate, note, source, connections } = progress;
  const words = {
    waiting: ['waiting'],
    reusing: ['looking for it on this machine'],
    downloading: [source === undefined ? '' : `from ${source}`, connections > 1 ? `${connections} connections` : ''],
    verifying: ['verifying'],
    done: ['complete'],
  }[stage].filter((word) => word !== '');
  const detail = note ?? words.join(', ');
  return {
    phase: 'download',
    item: name,
    unit: 'bytes',
    done,
    ...(total === undefined ? {} : { total }),
    ...(rate === undefined ? {} : { rate }),
    ...(detail === '' ? {} : { detail }),
  };
}
