/** captions.json: the images of a run whose captions are still to be written, and what depends on these. */
import { join } from 'node:path';
import { UsageError } from '../../base/errors.ts';
import { readOurs } from '../../base/files/regular-file.ts';
import { RUN_FILES } from './layout.ts';

/** Most bytes of captions.json: a million images take 70 MB. */
const MOST_BYTES = 256 << 20;

export interface CaptionsToCome {
  /** SHA-256 of each image that gets a caption before the training. */
  readonly pending: ReadonlySet<string>;
  /** The recipe's sample prompts, which those captions may replace; undefined where a person chose the prompts. */
  readonly prompts: readonly string[] | undefined;
}

/**
 * What the run still does with captions.
 * @throws UsageError for a file that cannot be read, ForeignFileError when it is no plain file
 */
export function captionsToCome(dir: string): CaptionsToCome {
  const bytes = readOurs(join(dir, RUN_FILES.captions), MOST_BYTES);
  if (bytes === undefined) return { pending: new Set(), prompts: undefined };
  try {
    const { pending, prompts } = JSON.parse(bytes.toString('utf8')) as Record<string, readonly unknown[] | undefined>;
    const texts = (all: readonly unknown[]) => all.filter((one): one is string => typeof one === 'string');
    return { pending: new Set(texts(pending ?? [])), prompts: prompts === undefined ? undefined : texts(prompts) };
  } catch (error) {
    throw new UsageError(`${RUN_FILES.captions} in the run's folder cannot be read.`, {
      id: 'run/unreadable-plan',
      nextSteps: ['visiontrain run FILE   makes a new run of its run.yaml'],
      cause: error,
    });
  }
}
