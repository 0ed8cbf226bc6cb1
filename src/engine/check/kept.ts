/** Answers about all images of a data set together, kept by what was asked, so that the same question is not asked twice. */
import { join } from 'node:path';
import type { z } from 'zod';
import { writeFileAtomic } from '../../base/files/atomic.ts';
import { sha256OfText } from '../../base/files/hash.ts';
import { makePrivateFolder } from '../../base/files/private-folder.ts';
import { readOurs } from '../../base/files/regular-file.ts';

/** Most bytes of an answer: a million images have less. */
const MOST_BYTES = 1 << 26;

/** The answer of a kind to a question; undefined where none is kept that fits the schema. */
export function readAnswer<T>(dir: string, kind: string, asked: unknown, schema: z.ZodType<T>): T | undefined {
  try {
    const bytes = readOurs(fileOf(dir, kind, asked), MOST_BYTES);
    return bytes === undefined ? undefined : schema.parse(JSON.parse(bytes.toString('utf8')));
  } catch {
    return undefined;
  }
}

/** Keeps an answer. If it cannot be kept, the question is asked again the next time. */
export function keepAnswer(dir: string, kind: string, asked: unknown, answer: unknown): void {
  try {
    makePrivateFolder(join(dir, kind));
    writeFileAtomic(fileOf(dir, kind, asked), JSON.stringify(answer));
  } catch {}
}

const fileOf = (dir: string, kind: string, asked: unknown) =>
  join(dir, kind, `${sha256OfText(JSON.stringify(asked)).slice(0, 32)}.json`);
