/**
 * Stores captions that models have written, in our own folder: a small file for each image and method, named by the
 * image's content. So a data set that is moved or renamed keeps its captions, and nothing is ever written into it.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { readOurs } from '../../base/files/regular-file.ts';
import type { Places } from '../../base/paths.ts';
import { byCodePoint } from '../../base/text.ts';
import { type CaptionSettings, composeTags, joinCaption, type ScoredTag } from './compose.ts';
import type { Method } from './methods.ts';

/** Folder of all written captions. */
export const captionsDir = ({ home }: Pick<Places, 'home'>): string => join(home, 'captions');

/** Most bytes of one result; a tagger's longest has about 10 kB. */
const MOST_BYTES = 4 << 20;

const resultSchema = z.object({
  version: z.literal(1),
  text: z.string().max(20_000).optional(),
  tags: z.array(z.tuple([z.string(), z.string(), z.number()])).optional(),
});

export interface Written {
  readonly caption: string;
  /** The tagger's scores; absent when no tagger was used. */
  readonly tags?: readonly ScoredTag[];
}

/** The caption of an image by all methods; undefined while one of them has no result for it. */
export function readWritten(
  store: string,
  sha256: string,
  methods: readonly Method[],
  settings: CaptionSettings,
): Written | undefined {
  let tags: readonly ScoredTag[] | undefined;
  let text: string | undefined;
  for (const { key } of methods) {
    const result = readResult(join(store, key, sha256.slice(0, 2), `${sha256}.json`));
    if (result === undefined) return undefined;
    tags = result.tags ?? tags;
    text = result.text ?? text;
  }
  const caption = joinCaption(tags === undefined ? undefined : composeTags(tags, settings), text);
  return { caption, ...(tags === undefined ? {} : { tags }) };
}

/**
 * The scores of an image by the first tagger that has a result for it, whatever the settings; none where there is no
 * result.
 */
export function anyScores(store: string, sha256: string): readonly ScoredTag[] {
  for (const key of taggersIn(store)) {
    const tags = readResult(join(store, key, sha256.slice(0, 2), `${sha256}.json`))?.tags;
    if (tags !== undefined) return tags;
  }
  return [];
}

function taggersIn(store: string): readonly string[] {
  try {
    return readdirSync(store)
      .filter((name) => name.startsWith('tags-'))
      .toSorted(byCodePoint);
  } catch {
    return [];
  }
}

/** A stored result; undefined when there is none or the file is damaged, in which case the worker makes it again. */
function readResult(path: string): z.infer<typeof resultSchema> | undefined {
  try {
    const bytes = readOurs(path, MOST_BYTES);
    const parsed = resultSchema.safeParse(bytes === undefined ? undefined : JSON.parse(bytes.toString('utf8')));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}
