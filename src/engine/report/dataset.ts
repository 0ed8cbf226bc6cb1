/** Figures about the data set of a run, from its plan. Pure. */
import { looksLikeTags, tagsOf } from '../plan/captions.ts';
import type { Plan } from '../plan/schema.ts';
import { summarizePlan } from '../plan/summarize.ts';
import { shareable } from './private.ts';
import type { ReportDataset } from './types.ts';

/** Number of tags, and of whole captions, that are listed. */
const MOST_TAGS = 30;
const MOST_CAPTIONS = 12;
/** Characters of a part of a caption that may count as a tag; longer ones are sentences. */
const LONGEST_TAG = 60;

export function datasetOf(plan: Plan, trigger: string): ReportDataset {
  const { images, validation, uses, epochs, buckets } = summarizePlan(plan);
  const all = plan.data.images;
  const own = all.filter(({ regularisation }) => !regularisation);
  return {
    images,
    validation,
    regularisation: all.length - own.length,
    masks: all.filter(({ mask }) => mask !== null).length,
    uses,
    epochs,
    buckets: buckets.map(({ size, images: count }) => ({ size, images: count })),
    trigger,
    tags: frequentTags(own.map(({ caption }) => caption)),
    uncaptioned: own.filter(({ caption }) => caption.trim() === '').length,
    // Images of sources outside of the data set's folder have absolute paths.
    captions: own.slice(0, MOST_CAPTIONS).map(({ path, caption }) => ({ path: shareable(path), caption })),
  };
}

/**
 * The most frequent tags; or the most frequent words, where most captions are sentences, of which hardly any occurs
 * twice.
 */
function frequentTags(captions: readonly string[]): ReportDataset['tags'] {
  const counts = new Map<string, number>();
  const written = captions.filter((caption) => caption.trim() !== '');
  const partsOf = written.filter(looksLikeTags).length * 2 < written.length ? wordsOf : tagsOf;
  for (const caption of written)
    for (const tag of new Set(partsOf(caption)))
      if (tag.length <= LONGEST_TAG) counts.set(tag, (counts.get(tag) ?? 0) + 1);
  return [...counts]
    .map(([tag, count]) => ({ tag, images: count }))
    .sort((a, b) => b.images - a.images || (a.tag < b.tag ? -1 : 1))
    .slice(0, MOST_TAGS);
}

/** Words that say nothing about an image. */
const SMALL = new Set(['the', 'and', 'with', 'for', 'from', 'that', 'this', 'its', 'his', 'her', 'has', 'are', 'was']);

const wordsOf = (caption: string): readonly string[] =>
  (caption.toLowerCase().match(/[\p{L}\p{N}_]{3,}/gu) ?? []).filter((word) => !SMALL.has(word));
