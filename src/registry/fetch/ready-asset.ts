/** Makes an auxiliary model (a captioner, tagger or judge) ready: looks it up as far as needed, and fetches it. */
import type { Places } from '../../base/paths.ts';
import { locateModel } from '../catalogue/locate.ts';
import type { AssetEntry } from '../catalogue/schema.ts';
import { pinSmallFiles } from '../hub/small-files.ts';
import { fetchModel, type ModelProgress } from './fetch-model.ts';

export interface AssetTools {
  readonly places: Places;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  /** Called once, before anything is fetched. */
  readonly onStart: (entry: AssetEntry) => void;
  readonly onProgress: (progress: Omit<ModelProgress, 'phase'>) => void;
}

/**
 * The model with all its files on this disk. Where the registry knows only the hash of the weights, the small files
 * are pinned once, at the same commit.
 * @throws DownloadError, EnvironmentError, or the signal's reason
 */
export async function readyAsset(
  entry: AssetEntry,
  { places, env, signal, onStart, onProgress }: AssetTools,
): Promise<void> {
  const whole = entry.layout === 'transformers' ? await pinSmallFiles(entry, { places, env, signal }) : entry;
  if (locateModel(whole, places).ready) return;
  onStart(whole);
  await fetchModel(whole, { places, env, signal, onProgress: ({ phase: _, ...progress }) => onProgress(progress) });
}
