/**
 * Stores captions that a person edited: every version of each, in our own folder, named by the image's content. The
 * files of a data set are not changed, and an undone version is kept.
 */
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { writeFileAtomic } from '../../../base/files/atomic.ts';
import { makePrivateFolder } from '../../../base/files/private-folder.ts';
import { readOurs } from '../../../base/files/regular-file.ts';

const versionSchema = z.strictObject({
  /** When the edit was made, as ISO 8601. All versions of one edit have the same time. */
  at: z.string().max(40),
  /** The caption from the image's files at that time; null for none. */
  over: z.string().nullable(),
  /** The caption as edited; empty for none. */
  text: z.string().max(20_000),
});
export type CaptionVersion = z.output<typeof versionSchema>;

const historySchema = z.strictObject({
  version: z.literal(1),
  /** Number of versions that count, from the first one: fewer than all when some were undone. */
  current: z.number().int().min(0),
  versions: z.array(versionSchema),
});
export type CaptionHistory = z.output<typeof historySchema>;

/** Most bytes of a history: hundreds of versions of the longest caption. */
const MOST_BYTES = 16 << 20;

const pathOf = (store: string, sha256: string) => join(store, 'edits', sha256.slice(0, 2), `${sha256}.json`);

/** The history of an image; undefined when its caption was never edited, or the file is no history. */
export function readHistory(store: string, sha256: string): CaptionHistory | undefined {
  try {
    const bytes = readOurs(pathOf(store, sha256), MOST_BYTES);
    const parsed = historySchema.safeParse(bytes === undefined ? undefined : JSON.parse(bytes.toString('utf8')));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

function writeHistory(store: string, sha256: string, history: CaptionHistory): void {
  const path = pathOf(store, sha256);
  makePrivateFolder(dirname(path));
  writeFileAtomic(path, JSON.stringify(history), 0o600);
}

/** The version that counts; undefined when there is none. */
export const currentVersion = (history: CaptionHistory | undefined): CaptionVersion | undefined =>
  history === undefined || history.current === 0 ? undefined : history.versions[history.current - 1];

/**
 * The caption as a person edited it; undefined where there is no edit, or where the caption in the image's files was
 * changed after the edit, since the later change counts.
 * @param own the caption from the image's files
 */
export function editedCaption(store: string, sha256: string, own: string | null): string | undefined {
  const history = readHistory(store, sha256);
  return originOf(history) === own ? currentVersion(history)?.text : undefined;
}

/** The file caption that the versions replace; undefined where there are no versions. */
const originOf = (history: CaptionHistory | undefined): string | null | undefined => history?.versions[0]?.over;

export interface CaptionEdit {
  readonly sha256: string;
  /** The caption from the image's files. */
  readonly own: string | null;
  readonly text: string;
}

/**
 * Stores an edit as the newest version of its image. It replaces what the same edit stored before. Versions that
 * replace another file caption are dropped.
 */
export function keepEdit(store: string, { sha256, own, text }: CaptionEdit, at: string): void {
  const history = readHistory(store, sha256);
  const counting = originOf(history) === own ? (history?.versions.slice(0, history.current) ?? []) : [];
  const kept = counting.at(-1)?.at === at ? counting.slice(0, -1) : counting;
  const versions = [...kept, { at, over: own, text }];
  writeHistory(store, sha256, { version: 1, current: versions.length, versions });
}

/**
 * Undoes the newest version of an image, if it was made by the edit of this time.
 * @returns whether there was one
 */
export function takeBack(store: string, sha256: string, at: string): boolean {
  const history = readHistory(store, sha256);
  if (history === undefined || currentVersion(history)?.at !== at) return false;
  writeHistory(store, sha256, { ...history, current: history.current - 1 });
  return true;
}
