/** The captions of a folder by precedence: edited ones, those of files, and those that models wrote. */
import { takeWritten } from '../../../engine/prepare/captions.ts';
import { loadRegistry } from '../../../registry/catalogue/load.ts';
import { captionsSchema } from '../../../spec/schema.ts';
import type { Context } from '../../shell/context.ts';
import type { Options } from '../shared/options.ts';
import { inspect, scanOptions } from './check.ts';
import { captionSettingsFrom } from './tags.ts';

export interface CaptionedImage {
  readonly path: string;
  readonly sha256: string;
  /** The caption from its files. */
  readonly own: string | null;
  /** The caption that counts: the edited one, else its own, else the one that a model wrote. */
  readonly caption: string | null;
}

/** Ways of writing that are tried when no run.yaml names one, to find captions that were written earlier. */
const WAYS = ['both', 'tags', 'sentences'] as const;

export async function captionsIn(
  folder: string,
  options: Options,
  context: Context,
): Promise<{ readonly root: string; readonly images: readonly CaptionedImage[] }> {
  const { places } = context;
  const { settings, dir } = captionSettingsFrom(options, context);
  const scan = await inspect(folder, scanOptions(options), context);
  const registry = loadRegistry({ configDir: places.config });
  const ways = options.from === undefined ? WAYS.map((write) => captionsSchema.parse({ write })) : [settings];
  let written: readonly (string | null)[] = [];
  for (const way of ways) {
    const { scan: taken } = await takeWritten(scan, { settings: way, dir, registry, places });
    written = taken.images.map(({ caption }, i) => caption ?? written[i] ?? null);
  }
  const images = scan.images.map(({ path, sha256, caption: own }, i) => ({
    ...{ path, sha256, own },
    caption: written[i] ?? null,
  }));
  return { root: scan.root, images };
}
