/** Carries out `dataset caption edit` on a screen with each image, its tags and their scores. */
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { statOf } from '../../../base/files/stat.ts';
import type { CaptionLine } from '../../../engine/captions/edits/edit-list.ts';
import { keepEdit, takeBack } from '../../../engine/captions/edits/history.ts';
import { anyScores, captionsDir } from '../../../engine/captions/store.ts';
import { makePreviews, previewPath } from '../../../engine/check/previews.ts';
import { cleanTag } from '../../../engine/dataset/words/booru.ts';
import { tagTable } from '../../../engine/plan/tag-table.ts';
import type { Capabilities } from '../../../terminal/terminal.ts';
import { captionDashboard } from '../../dashboard/captions/caption-dashboard.tsx';
import type { CaptionSet } from '../../dashboard/captions/caption-press.ts';
import type { Context } from '../../shell/context.ts';
import type { CaptionedImage } from './captions-in.ts';

interface Shown {
  readonly root: string;
  /** The images that are shown. */
  readonly images: readonly CaptionedImage[];
  /** All images of the folder, whose tags complete what is typed. */
  readonly all: readonly CaptionedImage[];
  /** Whether edits are not stored. */
  readonly isPreview: boolean;
}

/**
 * Shows the screen.
 * @returns the changed captions; each was stored when it was changed
 */
export async function editOnScreen(
  { root, images, all, isPreview }: Shown,
  can: Capabilities,
  { places, env }: Context,
): Promise<readonly CaptionLine[]> {
  const store = captionsDir(places);
  const at = new Date().toISOString();
  const stop = new AbortController();
  const scores = images.map(() => undefined as ReturnType<CaptionSet['scores']> | undefined);
  const set: CaptionSet = {
    images: images.map(({ path, caption }) => ({ path, caption: caption ?? '' })),
    scores: (i) => (scores[i] ??= scoresOf(store, images[i]?.sha256 ?? '')),
    known: tagTable(all.flatMap(({ caption }) => caption ?? [])).tags.map(({ tag }) => tag),
  };
  const threads = availableParallelism();
  const makes = { root, images, places, env, threads, signal: stop.signal };
  try {
    const changed = await captionDashboard({
      ...{ set, can },
      preview: (i) => {
        const made = previewPath(places, images[i]?.sha256 ?? '');
        // A terminal can show a PNG directly.
        return statOf(made) === undefined ? resolve(root, images[i]?.path ?? '') : made;
      },
      makePreviews: (onPreview) => makePreviews({ ...makes, onPreview }),
      keep: (i, caption) => {
        const image = images[i];
        if (image === undefined || isPreview) return;
        // A caption that is back at its state before this edit is no edit.
        if (caption === (image.caption ?? '')) takeBack(store, image.sha256, at);
        else keepEdit(store, { sha256: image.sha256, own: image.own, text: caption }, at);
      },
    });
    return [...changed].map(([i, caption]) => ({ path: images[i]?.path ?? '', caption }));
  } finally {
    stop.abort();
  }
}

/** Tags of a tagger in the form in which they are trained, without ratings. */
const scoresOf = (store: string, sha256: string) =>
  anyScores(store, sha256)
    .filter(([, category]) => category !== 'rating')
    .map(([name, , score]) => [cleanTag(name), score] as const);
