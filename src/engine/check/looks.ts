/**
 * Stores results about images by content: a small file of numbers and a thumbnail for each, so that a data set that is
 * moved keeps them. In addition, all numbers of a folder are in one file, so that a second check opens only that.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { writeFileAtomic } from '../../base/files/atomic.ts';
import { sha256OfText } from '../../base/files/hash.ts';
import { makePrivateFolder } from '../../base/files/private-folder.ts';
import { readOurs } from '../../base/files/regular-file.ts';
import type { Places } from '../../base/paths.ts';

const share = z.number().min(0).max(1);

/** Numbers about the pixels of an image, as `trainer/visiontrain_trainer/inspection/work.py` writes them. */
const lookSchema = z.object({
  version: z.literal(1),
  phash: z.string().regex(/^[0-9a-f]{16}$/),
  colours: z.string().regex(/^[0-9a-f]{96}$/),
  /** From 0 for a sharp image to 1 for an image without edges. */
  blur: share,
  /** Share of the pixels that have the most frequent colour. */
  one_colour: share,
  /** Shares of width or height that a uniform border takes: left, top, right, bottom. */
  borders: z.tuple([share, share, share, share]),
  /** Share of the height at the bottom that a decoder filled in. */
  grey_rest: share,
  /** Quality that a JPEG was written with, 1 to 100. */
  jpeg_quality: z.number().int().min(1).max(100).nullable(),
});
export type Look = z.infer<typeof lookSchema>;

export type Looks = ReadonlyMap<string, Look>;

export const looksDir = ({ cache }: Pick<Places, 'cache'>): string => join(cache, 'looks');

/** Most bytes of the numbers of one image, and of a thumbnail. */
const MOST_BYTES = 1 << 16;
const MOST_THUMBNAIL = 1 << 20;

/**
 * The stored results by SHA-256 of the images.
 * @param root folder whose file of all numbers is read first
 */
export function readLooks(dir: string, root: string, hashes: readonly string[]): Looks {
  const together = readTogether(dir, root);
  const found = new Map<string, Look>();
  for (const sha256 of hashes) {
    const look = together.get(sha256) ?? readOne(dir, sha256);
    if (look !== undefined) found.set(sha256, look);
  }
  return found;
}

/** Writes the numbers of a folder's images into one file. If that fails, only the next check takes longer. */
export function keepTogether(dir: string, root: string, looks: Looks): void {
  if (looks.size === 0 || sameKeys(looks, readTogether(dir, root))) return;
  try {
    makePrivateFolder(join(dir, 'folders'));
    writeFileAtomic(folderFile(dir, root), JSON.stringify([...looks]));
  } catch {}
}

const sameKeys = (a: Looks, b: Looks) => a.size === b.size && [...a.keys()].every((key) => b.has(key));

const folderFile = (dir: string, root: string) => join(dir, 'folders', `${sha256OfText(root).slice(0, 32)}.json`);

const countsSchema = z.array(z.number().int().min(0));

/**
 * Stored numbers of tokens of these captions; undefined when there are none.
 * @param tokenizer its folder
 */
export function readTokens(dir: string, tokenizer: string, captions: readonly string[]): readonly number[] | undefined {
  try {
    const counts = countsSchema.parse(JSON.parse(readFileSync(tokensFile(dir, tokenizer, captions), 'utf8')));
    return counts.length === captions.length ? counts : undefined;
  } catch {
    return undefined;
  }
}

/** Stores the numbers of tokens. If that fails, they are counted again the next time. */
export function keepTokens(
  dir: string,
  tokenizer: string,
  captions: readonly string[],
  counts: readonly number[],
): void {
  try {
    makePrivateFolder(join(dir, 'tokens'));
    writeFileAtomic(tokensFile(dir, tokenizer, captions), JSON.stringify(counts));
  } catch {}
}

/** A tokenizer is identified by its path, since the files of a model are verified when they are fetched. */
const tokensFile = (dir: string, tokenizer: string, captions: readonly string[]) =>
  join(dir, 'tokens', `${sha256OfText(JSON.stringify([tokenizer, captions])).slice(0, 32)}.json`);

const SHA256 = /^[0-9a-f]{64}$/u;

function readTogether(dir: string, root: string): Looks {
  try {
    const entries = z.array(z.tuple([z.string().regex(SHA256), lookSchema]));
    return new Map(entries.parse(JSON.parse(readFileSync(folderFile(dir, root), 'utf8'))));
  } catch {
    return new Map();
  }
}

function readOne(dir: string, sha256: string): Look | undefined {
  try {
    const bytes = readOurs(join(dir, sha256.slice(0, 2), `${sha256}.json`), MOST_BYTES);
    const parsed = lookSchema.safeParse(bytes === undefined ? undefined : JSON.parse(bytes.toString('utf8')));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

/** The thumbnail of an image as WebP; undefined when there is none. */
export function readThumbnail(dir: string, sha256: string): Buffer | undefined {
  try {
    return readOurs(join(dir, sha256.slice(0, 2), `${sha256}.webp`), MOST_THUMBNAIL);
  } catch {
    return undefined;
  }
}
