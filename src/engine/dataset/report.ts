/** The report on a folder that `dataset check` and the wizard show. Pure. */
import { plural } from '../../base/text.ts';
import { captionMarks } from '../../spec/prompt-syntax.ts';
import type { HashedScan } from './hash.ts';
import type { Scan } from './types.ts';

export interface DatasetReport {
  readonly root: string;
  readonly images: number;
  readonly captions: number;
  /** Sizes in pixels of the images with the least and the most area; null without images. */
  readonly smallest: readonly [number, number] | null;
  readonly largest: readonly [number, number] | null;
  readonly formats: Readonly<Record<string, number>>;
  readonly folders: Scan['folders'];
  readonly leftOut: Scan['leftOut'];
  readonly others: Scan['others'];
  readonly otherCaptions: Scan['otherCaptions'];
  readonly notes: Scan['notes'];
}

export function datasetReport(scan: HashedScan | Scan): DatasetReport {
  const sizes = scan.images.map(({ size }) => size).sort((a, b) => a[0] * a[1] - b[0] * b[1]);
  const formats: Record<string, number> = {};
  for (const { format } of scan.images) formats[format] = (formats[format] ?? 0) + 1;
  return {
    root: scan.root,
    images: scan.images.length,
    captions: scan.images.filter(({ caption }) => caption !== null).length,
    smallest: sizes[0] ?? null,
    largest: sizes.at(-1) ?? null,
    formats,
    folders: scan.folders,
    leftOut: scan.leftOut,
    others: scan.others,
    otherCaptions: scan.otherCaptions,
    notes: scanNotes(scan),
  };
}

/**
 * Remarks about a folder: the notes of the scan, and syntax of other programs in its captions. A run shows them with
 * its plan.
 */
export function scanNotes({ notes, images }: Pick<Scan, 'notes' | 'images'>): readonly string[] {
  return [...notes, ...captionMarks(images.flatMap(({ caption }) => caption ?? []))];
}

/** At most this many single files are named in each group. */
const NAMED = 10;

/** The report as lines for people. File names in them are not yet made safe for a terminal. */
export function reportLines(report: DatasetReport): readonly string[] {
  const { images, captions, smallest, largest, folders, leftOut, others, otherCaptions, notes } = report;
  const lines = [report.root, ''];
  const sizes = smallest === null || largest === null ? '' : sizeRange(smallest, largest);
  const formats = Object.entries(report.formats).map(([format, count]) => `${count} ${format}`);
  lines.push(`  ${plural(images, 'picture')} will be used (${formats.join(', ')})${sizes}`);
  lines.push(`  ${plural(captions, 'caption')}${captions === images ? '' : `, ${images - captions} without`}`);
  for (const line of repeatLines(folders).slice(0, NAMED)) lines.push(`  ${line}`);
  for (const { path, problem } of leftOut.slice(0, NAMED)) lines.push(`  ! ${path} ${problem}: left out`);
  if (leftOut.length > NAMED) lines.push(`  ! ${leftOut.length - NAMED} more pictures are left out (--json lists all)`);
  for (const [extension, count] of Object.entries(otherCaptions))
    lines.push(
      `  ! ${plural(count, `${extension} file`)} beside pictures: read them with dataset.caption_extension: ${extension}`,
    );
  for (const note of notes.slice(0, NAMED)) lines.push(`  ! ${note}`);
  if (notes.length > NAMED) lines.push(`  ! ${notes.length - NAMED} more notes (--json lists all)`);
  const rest = Object.entries(others).map(
    ([extension, count]) => `${count} ${extension === '' ? 'without an ending' : extension}`,
  );
  if (rest.length > 0) lines.push(`  Other files, not used: ${rest.slice(0, 8).join(', ')}`);
  return [...lines, '  Nothing in this folder is changed, moved or written.'];
}

/** One line for each folder whose name sets how often its images are used. */
export function repeatLines(folders: Scan['folders']): string[] {
  return folders
    .filter(({ repeats }) => repeats !== 1)
    .map(
      ({ path, images, repeats }) =>
        `${path}/: ${plural(images, 'picture')}, each used ${repeats} times, as its name says`,
    );
}

function sizeRange(smallest: readonly [number, number], largest: readonly [number, number]): string {
  const [from, to] = [smallest.join('×'), largest.join('×')];
  return from === to ? ` · ${from}` : ` · ${from} to ${to}`;
}
