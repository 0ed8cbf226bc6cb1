/** captions.json: the images of a run whose captions are still to be written. */
import { join } from 'node:path';
import { UsageError } from '../../base/errors.ts';
import { readOurs } from '../../base/files/regular-file.ts';
import { RUN_FILES } from './layout.ts';

/** Most bytes of captions.json: a million images take 70 MB. */
const MOST_BYTES = 256 << 20;

/**
 * SHA-256 of each image that gets a caption before the training.
 * @throws UsageError for a file that cannot be read, ForeignFileError when it is no plain file
 */
export function pendingCaptions(dir: string): ReadonlySet<string> {
  const bytes = readOurs(join(dir, RUN_FILES.captions), MOST_BYTES);
  if (bytes === undefined) return new Set();
  try {
    const { pending } = JSON.parse(bytes.toString('utf8')) as { pending: readonly unknown[] };
    return new Set(pending.filter((one): one is string => typeof one === 'string'));
  } catch (error) {
    throw new UsageError(`${RUN_FILES.captions} in the run's folder cannot be read.`, {
      id: 'run/unreadable-plan',
      nextSteps: ['visiontrain run FILE   makes a new run of its run.yaml'],
      cause: error,
    });
  }
}
