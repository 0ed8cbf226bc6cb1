/** All files of a registry entry. */

import { filePath, locateModel } from '../../registry/locate.ts';
import type { AnyEntry, ModelFile } from '../../registry/schema.ts';
import { DownloadError } from '../errors.ts';
import type { Payload } from '../events/schema.ts';
import type { Places } from '../paths.ts';
import { type FetchOptions, fetchFile, type Outcome } from './fetch-file.ts';
import type { FileProgress } from './report.ts';
import { createReuse } from './reuse.ts';
import { downloadSettings, type SettingsOverrides } from './settings.ts';

export interface FetchModelOptions {
  readonly places: Places;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  /** Progress of each file, as the `progress` event of a run has it. */
  readonly onProgress?: (progress: Payload<'progress'>) => void;
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
  const { missing } = locateModel(entry, options.places);
  const settings = downloadSettings(options.env, options.settings);
  const reuse = createReuse(options.places, options.env);
  const wanted = options.companionsOnly === true ? missing.filter((file) => file.role === 'companion') : missing;
  // Small files first: a wrong token or a full disk shows at once, not after gigabytes.
  const sorted = wanted.toSorted((a, b) => (a.bytes ?? 0) - (b.bytes ?? 0));
  const together = new Together(sorted);
  for (const file of sorted) {
    together.next();
    await fetchEntryFile(entry, file, options.places, {
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

  constructor(files: readonly ModelFile[]) {
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

/** One file of an entry. */
export function fetchEntryFile(
  entry: AnyEntry,
  file: ModelFile,
  places: Places,
  options: FetchOptions,
): Promise<Outcome> {
  if (file.local !== undefined)
    throw new DownloadError(`${file.local} is gone.`, {
      details: [`${entry.id} was added from that file, and nothing else is known of it.`],
      nextSteps: [`Put it back, or remove the entry: visiontrain models rm ${entry.id}`],
    });
  if (file.sha256 === undefined)
    throw new DownloadError(`${entry.id}: the hash of ${file.path} is unknown, so it cannot be fetched safely.`);
  const wanted = {
    path: filePath(entry, file, places),
    sha256: file.sha256,
    bytes: file.bytes,
    sources: file.sources,
    name: file.path,
  };
  return fetchFile(wanted, options);
}

/** Progress of a file as a run's event: bytes of the file, each stage (fetching, verifying …) counted on its own. */
export function progressEvent(progress: FileProgress): Payload<'progress'> {
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
