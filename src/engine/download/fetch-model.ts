/** All files of a registry entry. */

import { filePath, locateModel } from '../../registry/locate.ts';
import type { AnyEntry, ModelFile } from '../../registry/schema.ts';
import { DownloadError } from '../errors.ts';
import type { Payload } from '../events/schema.ts';
import type { Places } from '../paths.ts';
import { formatBytes } from '../text.ts';
import { type FetchOptions, fetchFile, type Outcome } from './fetch-file.ts';
import type { FileProgress } from './report.ts';
import { createReuse } from './reuse.ts';
import { downloadSettings, type SettingsOverrides } from './settings.ts';

export interface FetchModelOptions {
  readonly places: Places;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  /** Progress of the whole model, as the `progress` event of a run has it. */
  readonly onProgress?: (progress: Payload<'progress'>) => void;
  /** The same for each file, for those who show more. */
  readonly onFile?: (progress: FileProgress) => void;
  readonly settings?: SettingsOverrides;
}

/**
 * Makes `locateModel(entry).ready` true: fetches what is missing, or takes it from elsewhere on this machine.
 * @throws DownloadError, EnvironmentError, or the signal's reason; the next call goes on where this one stopped
 */
export async function fetchModel(entry: AnyEntry, options: FetchModelOptions): Promise<void> {
  const { missing } = locateModel(entry, options.places);
  const total = missing.every((file) => file.bytes !== undefined)
    ? missing.reduce((sum, file) => sum + (file.bytes ?? 0), 0)
    : undefined;
  let before = 0;
  const settings = downloadSettings(options.env, options.settings);
  const reuse = createReuse(options.places, options.env);
  // Small files first: a wrong token or a full disk shows at once, not after gigabytes.
  for (const file of [...missing].sort((a, b) => (a.bytes ?? 0) - (b.bytes ?? 0))) {
    let size = file.bytes ?? 0;
    await fetchEntryFile(entry, file, options.places, {
      settings,
      env: options.env,
      signal: options.signal,
      reuse,
      onProgress: (progress) => {
        size = progress.total ?? size;
        options.onFile?.(progress);
        options.onProgress?.(progressEvent(progress, before, total));
      },
    });
    before += size;
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

/** Progress of one file among others as a run's event. */
export function progressEvent(progress: FileProgress, before: number, total: number | undefined): Payload<'progress'> {
  const stage = {
    waiting: 'waiting',
    reusing: 'looking on this machine',
    downloading: '',
    verifying: 'verifying',
    done: '',
  }[progress.stage];
  const from = progress.stage === 'downloading' && progress.source !== undefined ? `from ${progress.source}` : '';
  const lanes = progress.connections > 1 ? `${progress.connections} connections` : '';
  const detail = progress.note ?? [stage, from, lanes].filter((text) => text !== '').join(', ');
  // Looking, waiting and verifying count their own bytes; the model's own count stands still meanwhile.
  const counted = progress.stage === 'downloading' || progress.stage === 'done' ? progress.done : undefined;
  return {
    phase: progress.stage === 'verifying' ? 'verify' : 'download',
    item: progress.name,
    unit: 'bytes',
    done: counted === undefined ? progress.done : before + counted,
    ...(counted === undefined
      ? progress.total === undefined
        ? {}
        : { total: progress.total }
      : total === undefined
        ? {}
        : { total }),
    ...(progress.rate === undefined ? {} : { rate: progress.rate }),
    ...(detail === '' ? {} : { detail }),
  };
}

/** `6.9 GB` to fetch for an entry, or undefined when it is unknown or nothing is missing. */
export function toFetch(entry: AnyEntry, places: Places): string | undefined {
  const { missing } = locateModel(entry, places);
  const known = missing.every((file) => file.bytes !== undefined);
  return missing.length > 0 && known
    ? formatBytes(missing.reduce((sum, file) => sum + (file.bytes ?? 0), 0))
    : undefined;
}
