/** Finds all images of a run: those of the data set and of its sources, each with its role. */
import { basename, relative, resolve, sep } from 'node:path';
import type { Places } from '../../base/paths.ts';
import { byCodePoint, plural } from '../../base/text.ts';
import type { RunSpec } from '../../spec/schema.ts';
import type { SourceRole, SourceSpec } from '../../spec/sections/sources.ts';
import { type HashedImage, type HashedScan, hashImages } from '../dataset/hash.ts';
import { imageFolders, scanDataset } from '../dataset/scan.ts';
import { noImages } from '../dataset/scan-errors.ts';

export interface ImagesFrom {
  /** The spec with absolute paths of its sources. */
  readonly spec: RunSpec;
  /** Folder that relative paths start from. */
  readonly dir: string;
  readonly places: Pick<Places, 'home' | 'cache'>;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

export interface RunImages {
  /** The trained images. Paths of images outside of the root are absolute. */
  readonly scan: HashedScan;
  /** Regularisation and validation images of sources, with absolute paths; undefined where there are none. */
  readonly regularisation: HashedScan | undefined;
  readonly validation: HashedScan | undefined;
  /** One line about each source. */
  readonly sources: readonly string[];
}

/**
 * Scans all folders.
 * @throws UsageError where a folder is not there, or no image is left for training
 */
export async function runImages(input: ImagesFrom): Promise<RunImages> {
  const { spec, dir } = input;
  const { sources } = spec.dataset;
  const root = resolve(dir, spec.dataset.path);
  const whole = await imagesIn(root, input);
  // Where the data set itself is a source, its images are those of the source.
  const main = sources.some(({ path }) => path === root)
    ? { ...whole, images: [], leftOut: [], folders: [], notes: [] }
    : whole;
  const scans: Sourced[] = [];
  for (const source of sources) scans.push({ source, scan: await imagesIn(source.path, input, source) });
  const of = (role: SourceRole) => scans.filter(({ source }) => source.role === role);
  const train = merged(main, of('train'));
  if (train.images.length === 0) throw noImages(main.root, train);
  return {
    scan: train,
    regularisation: apart(main.root, of('regularisation')),
    validation: apart(main.root, of('validation')),
    sources: scans.map((one) => lineOf(one)),
  };
}

/** A scan of one folder without the sources inside it. Only a data set with sources may have no image of its own. */
async function imagesIn(
  root: string,
  { spec, dir, places, signal, onProgress }: ImagesFrom,
  source?: SourceSpec,
): Promise<HashedScan> {
  const { include, masks, sources, caption_options: marks } = spec.dataset;
  const captionFrom = source?.caption_from ?? spec.dataset.caption_from;
  const captionExtension = source?.caption_extension ?? spec.dataset.caption_extension;
  const options = signal === undefined ? {} : { signal };
  const without = sources.map(({ path }) => path).filter((path) => path !== root);
  // A folder of validation is named for its use, and so is often that of the whole data set.
  const isNamed = source !== undefined && source.role !== 'validation' && root !== resolve(dir, spec.dataset.path);
  const scan = await scanDataset(root, {
    ...{ captionExtension, captionFrom, include, without, mayBeEmpty: sources.length > 0 },
    ...(isNamed ? { sourceName: basename(root) } : {}),
    captionLines: marks !== null && marks.lines !== 'join',
    own: [places.home],
    cacheDir: places.cache,
    masksAreUsed: masks !== null,
    ...options,
  });
  const onPart = onProgress === undefined ? {} : { onProgress };
  return hashImages(scan, { cacheDir: places.cache, ...options, ...onPart });
}

interface Sourced {
  readonly source: SourceSpec;
  readonly scan: HashedScan;
}

/** The path of an image of a source: relative to the root when it lies inside, so that it moves with the data set. */
function pathFrom(root: string, folder: string, path: string): string {
  const inside = relative(root, `${folder}/${path}`);
  return inside.startsWith('..') || inside === '' ? `${folder}/${path}` : inside.split(sep).join('/');
}

/** All scans as one. If several have the same image, one stays: the first with a caption, else the first. */
function merged(main: HashedScan, others: readonly Sourced[]): HashedScan {
  if (others.length === 0) return main;
  const all = [
    ...main.images,
    ...others.flatMap(({ scan }) =>
      scan.images.map((image) => ({ ...image, path: pathFrom(main.root, scan.root, image.path) })),
    ),
  ];
  const kept = new Map<string, HashedImage>();
  for (const image of all) {
    const before = kept.get(image.sha256);
    if (before === undefined || (before.caption === null && image.caption !== null)) kept.set(image.sha256, image);
  }
  const twins = all.filter((image) => kept.get(image.sha256) !== image);
  const images = [...kept.values()].toSorted((a, b) => byCodePoint(a.path, b.path));
  const leftOut = [
    ...main.leftOut,
    ...others.flatMap(({ scan }) =>
      scan.leftOut.map((one) => ({ ...one, path: pathFrom(main.root, scan.root, one.path) })),
    ),
    ...twins.map(({ path, sha256 }) => ({
      path,
      reason: 'duplicate' as const,
      problem: `is the same picture as ${kept.get(sha256)?.path}, in another source`,
    })),
  ];
  return {
    ...main,
    images,
    leftOut,
    folders: imageFolders(images),
    notes: [
      ...main.notes,
      ...others.flatMap(({ source, scan }) => scan.notes.map((note) => `${source.path}: ${note}`)),
    ],
  };
}

/** The images of sources that have another role than training, with absolute paths. */
function apart(root: string, sources: readonly Sourced[]): HashedScan | undefined {
  const [first] = sources;
  if (first === undefined) return undefined;
  const images = sources.flatMap(({ source, scan }) =>
    scan.images.map((image) => ({
      ...image,
      path: `${scan.root}/${image.path}`,
      // The caption of a regularisation image is the class, never the trigger.
      caption: image.caption ?? (source.role === 'regularisation' ? source.default_caption : null),
    })),
  );
  if (images.length === 0) throw noImages(first.scan.root, first.scan);
  return {
    ...first.scan,
    root,
    images,
    leftOut: sources.flatMap(({ scan }) =>
      scan.leftOut.map((one) => ({ ...one, path: pathFrom(root, scan.root, one.path) })),
    ),
    notes: sources.flatMap(({ source, scan }) => scan.notes.map((note) => `${source.path}: ${note}`)),
  };
}

function lineOf({ source, scan }: Sourced): string {
  const { role, weight, repeats, trigger, loss_weight: loss } = source;
  const parts = [
    ...(role === 'train' ? [] : [role]),
    ...(weight === null ? [] : [`weight ${weight}`]),
    ...(repeats === null ? [] : [`each ${repeats} times`]),
    ...(loss === 1 ? [] : [`loss × ${loss}`]),
    ...(trigger === null ? [] : [`trigger ${trigger === '' ? 'none' : trigger}`]),
  ];
  return [`${source.path}: ${plural(scan.images.length, 'picture')}`, ...parts].join(', ');
}

/**
 * The hashed images of a further folder that the spec names; undefined for null.
 * @throws UsageError
 */
export async function furtherImages({ spec, dir, places, signal }: ImagesFrom, path: string | null) {
  if (path === null) return undefined;
  const { caption_extension: captionExtension, caption_from: captionFrom } = spec.dataset;
  const options = signal === undefined ? {} : { signal };
  const scan = await scanDataset(resolve(dir, path), {
    captionExtension,
    captionFrom,
    own: [places.home],
    cacheDir: places.cache,
    ...options,
  });
  return hashImages(scan, { cacheDir: places.cache, ...options });
}

/** The images of a folder of its own and those of sources with the same role, as one scan with absolute paths. */
export function together(own: HashedScan | undefined, ofSources: HashedScan | undefined): HashedScan | undefined {
  if (own === undefined || ofSources === undefined) return own ?? ofSources;
  const images = own.images.map((image) => ({ ...image, path: resolve(own.root, image.path) }));
  return {
    ...own,
    images: [...images, ...ofSources.images],
    leftOut: [...own.leftOut, ...ofSources.leftOut],
    notes: [...own.notes, ...ofSources.notes],
  };
}
