/** Makes thumbnails of a run's images for the contact sheet of its report, with limits on bytes and time. */
import { basename, resolve } from 'node:path';
import jpeg from 'jpeg-js';
import { readGiven } from '../base/files/regular-file.ts';
import { statOf } from '../base/files/stat.ts';
import { neutralise } from '../base/text.ts';
import { readThumbnail } from '../engine/check/looks.ts';
import type { Plan } from '../engine/plan/schema.ts';
import type { RunReport } from '../engine/report/types.ts';
import { decodePng, type Pixels } from '../terminal/graphics/png.ts';
import { encodeJpeg, shrinkTo } from './images.ts';

/** Most images on the sheet, and most bytes of all of them before base64 adds a third. */
const MOST = 100;
const BUDGET = 550_000;
/** Longest side in pixels of a thumbnail that is made here, and the quality of its JPEG. */
const SIDE = 128;
const QUALITY = 70;
/**
 * Most bytes of a file that is decoded here, and milliseconds for decoding in total. Most thumbnails exist already.
 */
const MOST_FILE = 4 << 20;
const PATIENCE_MS = 3000;
/** Megapixels and megabytes that a JPEG may unpack to. */
const LIMITS = { maxResolutionInMP: 16, maxMemoryUsageInMB: 256, useTArray: true } as const;

export type SheetKind = 'trained' | 'validation' | 'regularisation';

export interface SheetImage {
  /** File name, without the folder. */
  readonly name: string;
  readonly caption: string;
  readonly kind: SheetKind;
  readonly size: readonly [width: number, height: number];
  /** The verdict on the image's loss; null when it was not measured or is normal. */
  readonly loss: 'never' | 'by_heart' | null;
  /** The thumbnail as a `data:` address; null when there is none. */
  readonly uri: string | null;
}

export interface Sheet {
  readonly images: readonly SheetImage[];
  /** Images of the run, which may be more than are shown. */
  readonly total: number;
}

/**
 * Makes the sheet.
 * @param store folder with the thumbnails of examined images
 */
export function sheetOf(plan: Plan, losses: RunReport['image_losses'], store: string): Sheet {
  const all = plan.data.images;
  const shown = spread(all.length, MOST).flatMap((i) => all[i] ?? []);
  const kinds = new Map((losses ?? []).map(({ path, kind }) => [path, kind]));
  const until = Date.now() + PATIENCE_MS;
  let room = BUDGET;
  const images = shown.map((sample): SheetImage => {
    const found = readThumbnail(store, sample.sha256);
    const small = found ?? (Date.now() < until ? shrunk(resolve(plan.data.root, sample.path)) : undefined);
    const fits = small !== undefined && small.length <= room;
    if (fits) room -= small.length;
    const kind = kinds.get(sample.path);
    return {
      name: neutralise(basename(sample.path)),
      caption: neutralise(sample.caption),
      kind: sample.regularisation ? 'regularisation' : sample.validation ? 'validation' : 'trained',
      size: [sample.size[0] ?? 0, sample.size[1] ?? 0],
      loss: kind === 'never' || kind === 'by_heart' ? kind : null,
      uri: fits ? dataUri(small, found === undefined ? 'image/jpeg' : 'image/webp') : null,
    };
  });
  return { images, total: all.length };
}

/** At most `most` indices below `count`, spread evenly. */
const spread = (count: number, most: number): readonly number[] =>
  Array.from({ length: Math.min(count, most) }, (_, i) => Math.floor((i * count) / Math.min(count, most)));

const dataUri = (bytes: Buffer, type: string): string => `data:${type};base64,${bytes.toString('base64')}`;

/** The image as a small JPEG; undefined for a format that only the trainer can read, and for a missing file. */
function shrunk(path: string): Buffer | undefined {
  if ((statOf(path)?.size ?? MOST_FILE) >= MOST_FILE) return undefined;
  try {
    const file = readGiven(path, MOST_FILE);
    return encodeJpeg(shrinkTo(file[0] === 0xff ? jpegPixels(file) : decodePng(file), SIDE), QUALITY);
  } catch {
    // The page names the image without showing it.
    return undefined;
  }
}

function jpegPixels(file: Buffer): Pixels {
  const { width, height, data } = jpeg.decode(file, LIMITS);
  const rgb = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i += 1) for (let c = 0; c < 3; c += 1) rgb[i * 3 + c] = data[i * 4 + c] ?? 0;
  return { width, height, rgb };
}
