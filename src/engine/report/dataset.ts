/** The data set of a run in figures, from its plan. Pure. */
import type { Plan } from '../plan/schema.ts';
import { summarizePlan } from '../plan/summarize.ts';
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
    captions: own.slice(0, MOST_CAPTIONS).map(({ path, caption }) => ({ path, caption })),
  };
}

function frequentTags(captions: readonly string[]): ReportDataset['tags'] {
  const counts = new Map<string, number>();
  for (const caption of captions) {
    const tags = new Set(caption.split(',').map((tag) => tag.trim()));
    for (const tag of tags) if (tag !== '' && tag.length <= LONGEST_TAG) counts.set(tag, (counts.get(tag) ?? 0) + 1);
  }
  return [...counts]
    .map(([tag, count]) => ({ tag, images: count }))
    .sort((a, b) => b.images - a.images || (a.tag < b.tag ? -1 : 1))
    .slice(0, MOST_TAGS);
}
