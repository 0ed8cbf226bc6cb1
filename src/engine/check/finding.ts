/** A kind of finding about a data set. */

import type { MaskFile } from '../dataset/masks.ts';

export const findingKinds = [
  'near-duplicate',
  'leak',
  'writing',
  'same-mark',
  'blurred',
  'damaged',
  'compressed',
  'border',
  'empty',
  'enlarged',
  'cropped',
  'cut-mask',
  'no-caption',
  'same-caption',
  'garbled',
  'wide-comma',
  'long-caption',
  'misspelt',
  'no-trigger',
  'known-trigger',
  'unbalanced',
  'characters',
  'outfits',
] as const;
export type FindingKind = (typeof findingKinds)[number];

export interface FindingItem {
  /** Path of the image as in the scan; for a folder, with a slash at its end. */
  readonly path: string;
  /** The detail about this image or folder, in words that follow its name. */
  readonly detail: string;
}

export interface DatasetFinding {
  readonly kind: FindingKind;
  /** `warn` most likely makes the LoRA worse; `info` may be meant. */
  readonly level: 'warn' | 'info';
  /** The finding in one sentence, with the number of images. */
  readonly what: string;
  /** What a run does about it by itself. */
  readonly done: string;
  /** What a person can do. */
  readonly change: string;
  readonly items: readonly FindingItem[];
}

/** An image as a run would train on it. */
export interface CheckImage {
  readonly path: string;
  readonly sha256: string;
  /** Width and height in pixels. */
  readonly size: readonly [number, number];
  readonly bucket: readonly [number, number];
  /** The image's own caption; null without one. */
  readonly own: string | null;
  /** The caption that is trained on. */
  readonly caption: string;
  /** Uses in an epoch. */
  readonly uses: number;
  /** Whether it is used for validation only. */
  readonly held?: boolean;
  /** The file that says which part of it is learned, where there is one. */
  readonly mask?: MaskFile | null;
}
