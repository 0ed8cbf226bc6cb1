/** Packages for image formats that Pillow alone cannot read: HEIC, as phones make it. */
import { closeSync, readSync } from 'node:fs';
import { extname, join } from 'node:path';
import { openGivenUnchecked } from '../../base/files/regular-file.ts';
import type { StepTools } from '../events/step-tools.ts';
import type { PythonEnvironment } from './check.ts';
import type { Owner } from './ensure.ts';
import { EXTRAS, ensureExtra } from './extras.ts';

export interface ImageFiles {
  readonly root: string;
  /** Paths relative to the root. */
  readonly paths: readonly string[];
}

const HEIF_NAMES = new Set(['.heic', '.heif', '.hif']);
/** Most files that are opened to look for HEIC under another name. A million of them would take a minute. */
const MOST_OPENED = 20_000;

/** The environment with the packages that read the images, which are installed when they are first needed. */
export async function withReaders(
  environment: PythonEnvironment,
  files: ImageFiles,
  { places, env }: Owner,
  tools: StepTools,
): Promise<PythonEnvironment> {
  if (!holdsHeif(files)) return environment;
  const folder = await ensureExtra(EXTRAS.heif, {
    places,
    env,
    environment,
    signal: tools.signal,
    onProgress: ({ item, done, total, detail }) => {
      if (done === 0 && detail === undefined) tools.phase('setting up what reads HEIC (once)');
      tools.progress({ item, unit: 'packages', done, total, ...(detail === undefined ? {} : { detail }) });
    },
  });
  return folder === null ? environment : { ...environment, extras: [...(environment.extras ?? []), folder] };
}

/** Whether one of the images is HEIC, by its name or by its content. */
export function holdsHeif({ root, paths }: ImageFiles): boolean {
  if (paths.some((path) => HEIF_NAMES.has(extname(path).toLowerCase()))) return true;
  return paths.slice(0, MOST_OPENED).some((path) => startsAsHeif(join(root, path)));
}

const start = Buffer.alloc(32);

function startsAsHeif(path: string): boolean {
  let file: number;
  try {
    file = openGivenUnchecked(path);
  } catch {
    // The trainer reports files that cannot be opened.
    return false;
  }
  try {
    const read = readSync(file, start, 0, start.length, 0);
    const text = start.toString('latin1', 4, read);
    return text.startsWith('ftyp') && !text.includes('avif') && /heic|heix|heim|heis|mif1/u.test(text);
  } catch {
    return false;
  } finally {
    closeSync(file);
  }
}
