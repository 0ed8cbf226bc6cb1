/** Writes the contact sheet of `dataset check --html FILE`. */
import { basename, dirname, relative } from 'node:path';
import { UsageError } from '../../../base/errors.ts';
import { writeFileAtomic } from '../../../base/files/atomic.ts';
import { intoGivenPlace } from '../../../base/files/given-place.ts';
import { readGiven } from '../../../base/files/regular-file.ts';
import { statOf } from '../../../base/files/stat.ts';
import { shellWord, typedPath } from '../../../base/typed-path.ts';
import type { Checked } from '../../../engine/check/check.ts';
import { contactSheet, SHEET_MARK } from '../../../engine/check/contact-sheet.ts';
import type { CheckImage } from '../../../engine/check/finding.ts';
import { looksDir, readThumbnail } from '../../../engine/check/looks.ts';
import type { HashedScan } from '../../../engine/dataset/hash.ts';
import type { Context } from '../../shell/context.ts';

interface Sheet {
  readonly scan: HashedScan;
  readonly images: readonly CheckImage[];
  readonly checked: Checked;
  /** Folder of the made masks that are shown; undefined for none. */
  readonly masks?: string | undefined;
}

/**
 * Writes the sheet.
 * @throws UsageError for a place inside the data set, and for an existing file that is no contact sheet;
 *   EnvironmentError
 */
export function writeSheet(to: string, { scan, images, checked, masks }: Sheet, { out, places }: Context): void {
  const file = sheetFile(to, scan.root);
  const dir = looksDir(places);
  const pieces = contactSheet({
    name: basename(scan.root),
    images,
    findings: checked.findings,
    leftOut: scan.leftOut,
    thumbnail: (sha256) => readThumbnail(dir, sha256),
    crops: checked.crops,
    mask: masks === undefined ? undefined : (sha256) => readThumbnail(masks, sha256),
  });
  intoGivenPlace(file, '--html FILE', () => writeFileAtomic(file, [...pieces].join('')));
  out.talk(`The contact sheet: ${file}`);
}

/**
 * Path of the sheet. Only an older sheet is replaced.
 * @throws UsageError when another file is there
 */
export function sheetFile(to: string, root: string): string {
  const file = typedPath(to, '.');
  const refused = (why: string) =>
    new UsageError(why, {
      id: 'command/wrong-value',
      nextSteps: [`Take another name:  --html ${shellWord('../sheet.html')}`],
    });
  if (!relative(root, file).startsWith('..')) throw refused(`${to} lies in the data set, in which nothing is written.`);
  const found = statOf(file);
  if (found !== undefined && !isSheet(file)) throw refused(`${to} is there already, and is no contact sheet.`);
  if (found === undefined && statOf(dirname(file))?.isDirectory() !== true)
    throw refused(`There is no folder ${dirname(file)}.`);
  return file;
}

/** Most bytes of a sheet: its thumbnails, and findings about a million images. */
const MOST_BYTES = 2 ** 30;

function isSheet(path: string): boolean {
  try {
    return readGiven(path, MOST_BYTES).subarray(0, 1000).includes(SHEET_MARK);
  } catch {
    return false;
  }
}
