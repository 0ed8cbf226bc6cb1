/** Writes captions beside their images, when a person asks for it. It makes new files only and never replaces one. */
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { EnvironmentError } from '../../base/errors.ts';
import { stemOf } from '../dataset/names.ts';

interface Caption {
  /** Path of the image relative to the root. */
  readonly path: string;
  readonly caption: string;
}

/**
 * Writes `fox.txt` beside `fox.png`. An existing file is not changed, and an image without a caption is skipped.
 * @returns the paths of the files that were made, relative to the root
 * @throws EnvironmentError when the folder cannot be written to
 */
export function writeCaptionFiles(root: string, captions: readonly Caption[], extension: string): readonly string[] {
  return captions.flatMap(({ path, caption }) => {
    const file = stemOf(path) + extension;
    return caption !== '' && writeNew(join(root, file), `${caption}\n`) ? [file] : [];
  });
}

function writeNew(path: string, text: string): boolean {
  let file: number;
  try {
    file = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o644);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw new EnvironmentError(`${path} cannot be written: ${(error as Error).message}`, {
      id: 'file/system',
      details: ['The captions themselves are kept: a run finds them without files.'],
      cause: error,
    });
  }
  try {
    writeSync(file, text);
  } finally {
    closeSync(file);
  }
  return true;
}
