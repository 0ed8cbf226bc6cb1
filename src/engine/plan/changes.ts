/** Compares the images and captions of a plan with the present ones. Pure. */

import { byCodePoint } from '../../base/text.ts';
import type { PlanImage } from './schema.ts';

export interface DataChange {
  readonly path: string;
  readonly kind: 'picture' | 'caption' | 'repeats' | 'mask' | 'folder' | 'gone' | 'new';
  /** The rest of a sentence that begins with the path. */
  readonly what: string;
}

/**
 * Compares by content: an image that only has another name is the same image.
 * @param namesFolders whether the LoRA's metadata names the folders inside the data set, so that another folder gives
 *   other bytes
 * @returns every difference that would change a training, by path; empty when there is none
 */
export function dataChanges(
  then: readonly PlanImage[],
  now: readonly PlanImage[],
  namesFolders: boolean,
): readonly DataChange[] {
  const before = new Map(then.map((sample) => [sample.id, sample]));
  const after = new Map(now.map((sample) => [sample.id, sample]));
  const gone = then.filter(({ id }) => !after.has(id));
  const fresh = new Map(now.filter(({ id }) => !before.has(id)).map((sample) => [sample.path, sample]));
  const changes: DataChange[] = [];
  for (const old of gone) {
    const replaced = fresh.get(old.path);
    fresh.delete(old.path);
    changes.push(
      replaced === undefined
        ? { path: old.path, kind: 'gone', what: 'is gone, or cannot be read any more' }
        : {
            path: old.path,
            kind: 'picture',
            what: `is another picture: SHA-256 ${short(old)} then, ${short(replaced)} now`,
          },
    );
  }
  for (const { path } of fresh.values()) changes.push({ path, kind: 'new', what: 'is new' });
  for (const old of then) {
    const same = after.get(old.id);
    if (same === undefined) continue;
    changes.push(...sampleChanges(old, same));
    if (namesFolders && folderOf(old) !== folderOf(same))
      changes.push({ path: same.path, kind: 'folder', what: `is ${old.path}, and the LoRA's metadata names folders` });
  }
  return changes.sort((a, b) => byCodePoint(a.path, b.path));
}

/** Characters of a caption that are shown around the place where it differs. */
const EXCERPT = 60;

function firstDifference(a: string, b: string): number {
  let at = 0;
  while (at < a.length && a[at] === b[at]) at += 1;
  return at;
}

const folderOf = ({ path }: PlanImage) => path.split('/').at(-2);

const short = ({ sha256 }: PlanImage) => `${sha256.slice(0, 12)}…`;

function sampleChanges(then: PlanImage, { path, caption, repeats, mask }: PlanImage): readonly DataChange[] {
  const from = Math.max(0, firstDifference(then.caption, caption) - 20);
  const excerpt = (text: string) => {
    const part = text.slice(from, from + EXCERPT);
    return JSON.stringify(`${from > 0 ? '…' : ''}${part}${from + EXCERPT < text.length ? '…' : ''}`);
  };
  const changes: DataChange[] = [];
  if (then.caption !== caption)
    changes.push({
      path,
      kind: 'caption',
      what: `has another caption: ${excerpt(then.caption)} then, ${excerpt(caption)} now`,
    });
  if (then.mask?.sha256 !== mask?.sha256) changes.push({ path, kind: 'mask', what: 'has another mask' });
  if (then.repeats !== repeats)
    changes.push({ path, kind: 'repeats', what: `was used ${then.repeats} × an epoch, is used ${repeats} × now` });
  return changes;
}
