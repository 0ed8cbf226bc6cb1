/** All files of a registry entry. */

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
import { createReuse } from './reuse.ts';
import { checkRoomForAll } from './room.ts';

/** How far one file is, as a run's `progress` event has it. */
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
  /** Progress of each file, as the `progress` event of a run has it. */
  readonly onProgress?: (progress: ModelProgress) => void;
  /** The same with all that is known, for those who show more. */
  readonly onFile?: (progress: FileProgress) => void;
  readonly settings?: SettingsOverrides;
  /** Configuration and tokenizer files only: the weights are the person's own. */
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
  const together = new Together(files);
  for (const file of files) {
    together.next();
    await fetchFile(file, {
      settings,
      env: options.env,
      signal: options.signal,
      reuse,
      onProgress: (progress) => {
        options.onFile?.(together.place(progress));
        options.onProgress?.(progressEvent(progress));
      },
    });
  }
}

/** How far all files are as one, which never goes back: a file that is verified or read again has been fetched. */
class Together {
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
 * Bytes to come are asked room for as one, before the first: a run needs its base model and its VAE together.
 * @throws EnvironmentError
 */
export function checkModelRoom(
  needs: readonly { readonly entry: AnyEntry; readonly companionsOnly: boolean | undefined }[],
  { places, env }: Pick<FetchModelOptions, 'places' | 'env'>,
): void {
  // Then nothing is fetched, and what is found here is checked when it has to be copied.
  if (downloadSettings(env).offline) return;
  const files = needs.flatMap((need) => missingFiles(need.entry, places, need.companionsOnly));
  checkRoomForAll(files, needs.map(({ entry }) => entry.title).join(' and '), { places, env });
}

/** What is missing of an entry. Small files first: a wrong token shows at once, not after gigabytes. */
function missingFiles(entry: AnyEntry, places: Places, companionsOnly = false): WantedFile[] {
  return locateModel(entry, places)
    .missing.filter((file) => !companionsOnly || file.role === 'companion')
    .toSorted((a, b) => (a.bytes ?? 0) - (b.bytes ?? 0))
    .map((file) => wantedFile(entry, file, places));
}

/** @throws DownloadError when nothing is known that could be fetched */
function wantedFile(entry: AnyEntry, file: ModelFile, places: Places): WantedFile {
  if (file.local !== undefined)
    throw new DownloadError(`${file.local} is gone.`, {
      details: [`${entry.id} was added from that file, and nothing else is known of it.`],
      nextSteps: [`Put it back, or remove the entry: visiontrain models rm ${entry.id}`],
    });
  if (file.sha256 === undefined)
    throw new DownloadError(`${entry.id}: the hash of ${file.path} is unknown, so it cannot be fetched safely.`);
  return {
    path: filePath(entry, file, places),
    sha256: file.sha256,
    bytes: file.bytes,
    sources: file.sources,
    name: file.path,
  };
}

/** Progress of a file as a run's event: bytes of the file, each stage (fetching, verifying …) counted on its own. */
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
