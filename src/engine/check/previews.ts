/** Previews of images as small PNG files, which a terminal can show whatever the images' own format is. */
import { join } from 'node:path';
import { statOf } from '../../base/files/stat.ts';
import type { Places } from '../../base/paths.ts';
import { lookAtImages } from './look-worker.ts';
import { looksDir } from './looks.ts';
import { readyPython } from './ready-python.ts';

export interface PreviewInput {
  readonly root: string;
  readonly images: readonly { readonly path: string; readonly sha256: string }[];
  readonly places: Places;
  readonly env: NodeJS.ProcessEnv;
  readonly threads: number;
  readonly signal: AbortSignal;
  /** Called when another preview is ready. */
  readonly onPreview: () => void;
}

/** Path of an image's preview, whether it exists or not. */
export const previewPath = (places: Pick<Places, 'cache'>, sha256: string): string =>
  join(looksDir(places), sha256.slice(0, 2), `${sha256}.png`);

/**
 * Makes the previews that are missing.
 * @returns why some cannot be made; undefined when all are there
 */
export async function makePreviews(input: PreviewInput): Promise<string | undefined> {
  const { images, places, env, signal, root, threads, onPreview } = input;
  const missing = images.filter(({ sha256 }) => statOf(previewPath(places, sha256)) === undefined);
  if (missing.length === 0) return undefined;
  try {
    const ready = await readyPython({ places, env, signal });
    if (ready === undefined) return 'visiontrain setup makes what shows them';
    const { failed } = await lookAtImages({
      ...{ ...ready, root, env, threads, signal, store: looksDir(places) },
      ...{ images: [], previews: missing, captions: [], tokenizer: null },
      onProgress: onPreview,
    });
    return failed[0]?.reason;
  } catch (error) {
    // A preview beside the caption helps, but is not required.
    return signal.aborted ? undefined : (error as Error).message;
  }
}
