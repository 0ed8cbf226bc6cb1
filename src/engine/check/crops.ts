/**
 * What the crop keeps of images that have a mask, as the trainer would cut them: asked once for the same images, buckets
 * and masks, and kept.
 */
import { z } from 'zod';
import type { CheckImage } from './finding.ts';
import { keepAnswer, readAnswer } from './kept.ts';

const share = z.number().min(0).max(1);

/** Left and top of the crop as shares of the image, and the share of what the mask shows that it cuts away. */
export const cropSchema = z.object({ left: share, top: share, lost: share });
export type Crop = z.infer<typeof cropSchema>;

/** Crops by the path of their image. */
export type Crops = ReadonlyMap<string, Crop>;

const cropsSchema = z.array(cropSchema.nullable());

/** An image whose crop is asked for, as the program takes it. */
export interface CropAsk {
  readonly path: string;
  readonly size: readonly [number, number];
  readonly bucket: readonly [number, number];
  /** Path of the mask: below the root, or absolute. */
  readonly mask: string;
  readonly sha256: string;
  readonly alpha: boolean;
  /** Whether the crop is moved for what the mask shows. */
  readonly focus: boolean;
}

export const cropAsks = (images: readonly CheckImage[], focus: boolean): readonly CropAsk[] =>
  images.flatMap(({ path, size, bucket, mask }) =>
    mask === undefined || mask === null
      ? []
      : [{ ...{ path, size, bucket, focus }, mask: mask.path, sha256: mask.sha256, alpha: mask.alpha }],
  );

/** The crops that answer these asks, without those whose mask cannot be read. */
export const cropsOf = (asks: readonly CropAsk[], answers: readonly (Crop | null)[]): Crops =>
  new Map(asks.flatMap(({ path }, i) => (answers[i] ? [[path, answers[i]] as const] : [])));

/** Counts up when the program places crops otherwise. */
const VERSION = 1;

/** The answers depend on the bytes of the masks, and not on where they lie. */
const asked = (asks: readonly CropAsk[]) => [VERSION, asks.map(({ mask: _, ...ask }) => ask)];

/** The answers to these asks as they were kept; undefined when they were not. */
export function readCrops(dir: string, asks: readonly CropAsk[]): readonly (Crop | null)[] | undefined {
  if (asks.length === 0) return [];
  const kept = readAnswer(dir, 'crops', asked(asks), cropsSchema);
  return kept?.length === asks.length ? kept : undefined;
}

export const keepCrops = (dir: string, asks: readonly CropAsk[], answers: readonly (Crop | null)[]): void =>
  keepAnswer(dir, 'crops', asked(asks), answers);
