/**
 * Stores masks that models made, in our own folder, named by the content of their image and by what was looked for
 * with which model. So a data set that is moved keeps its masks, and nothing is ever written into it.
 */
import { dirname, join } from 'node:path';
import { UsageError } from '../../base/errors.ts';
import { sha256OfFile, sha256OfText } from '../../base/files/hash.ts';
import { statOf } from '../../base/files/stat.ts';
import type { Places } from '../../base/paths.ts';
import { plural } from '../../base/text.ts';
import { shellWord } from '../../base/typed-path.ts';
import { findAsset } from '../../registry/catalogue/find.ts';
import { locateModel } from '../../registry/catalogue/locate.ts';
import type { AssetEntry, Registry } from '../../registry/catalogue/schema.ts';
import type { RunSpec } from '../../spec/schema.ts';
import { isKnownFind, type KnownFind, type MaskFind } from '../../spec/training/subject-keys.ts';
import type { HashedScan } from '../dataset/hash.ts';
import { type FoundMasks, findMasks, type MaskFile } from '../dataset/masks.ts';

export interface Finder {
  readonly find: MaskFind;
  /** What the Python program looks for with this model. */
  readonly kind: 'subject' | 'face' | 'text' | 'prompt';
  /** The words that are looked for, where the kind is `prompt`. */
  readonly prompt?: string;
  readonly entry: AssetEntry;
  readonly model: string;
  readonly sha256: string;
  /** Values of black and white in the model's input. */
  readonly range: readonly [number, number];
}

/** For each thing to find, the kind in the program, and the registry id of the model. */
const FINDERS: Readonly<Record<KnownFind, { readonly kind: Finder['kind']; readonly id: string }>> = {
  background: { kind: 'subject', id: 'isnet-general' },
  character: { kind: 'subject', id: 'isnet-anime' },
  faces: { kind: 'face', id: 'anime-face-detector' },
  text: { kind: 'text', id: 'comic-text-detector' },
};

/** Must be raised when the program makes other masks from the same output of the model. */
const WORKER = 1;

interface Where {
  readonly registry: Registry;
  readonly places: Places;
}

/** The models that find these things, in a fixed order, whatever the order of `finds`. */
export function maskFinders(finds: readonly MaskFind[], { registry, places }: Where): readonly Finder[] {
  const known = (Object.keys(FINDERS) as KnownFind[]).filter((find) => finds.includes(find));
  const prompts = [...new Set(finds.filter((find) => !isKnownFind(find)).map((find) => find.trim()))].toSorted();
  return [
    ...known.map((find) => finderOf(find, { registry, places })),
    ...prompts.map((find) => promptedFinder(find, { registry, places })),
  ];
}

function finderOf(find: KnownFind, { registry, places }: Where): Finder {
  const { kind, id } = FINDERS[find];
  const entry = findAsset(registry, id);
  const [file] = entry?.files ?? [];
  if (entry === undefined || file?.sha256 === undefined)
    throw new UsageError(`The registry has no whole entry ${id}, which finds ${find}.`, {
      id: 'masks/failed',
      nextSteps: [`visiontrain models info ${id}   shows what it has`],
    });
  const [, low = 0, high = 1] = (/(-?[\d.]+?)\.\.(-?[\d.]+)/u.exec(entry.input ?? '') ?? []).map(Number);
  const model = file.local ?? join(locateModel(entry, places).path, ...file.path.split('/'));
  return { find, kind, entry, model, sha256: file.sha256, range: [low, high] };
}

/** What finds anything that words name. */
const PROMPTED = 'clipseg';

/** The finder for a prompt. Until its model was fetched nothing is known of its bytes, and there can be no mask. */
function promptedFinder(prompt: string, { registry, places }: Where): Finder {
  const entry = findAsset(registry, PROMPTED);
  const weights = entry?.files.find(({ role }) => role === 'weights');
  if (entry === undefined || weights === undefined)
    throw new UsageError(`The registry has no entry ${PROMPTED}, which finds what a prompt names.`, {
      id: 'masks/failed',
      nextSteps: [`visiontrain models info ${PROMPTED}   shows what it has`],
    });
  const model = weights.local === undefined ? locateModel(entry, places).path : dirname(weights.local);
  return { find: prompt, kind: 'prompt', prompt, entry, model, sha256: weights.sha256 ?? 'unpinned', range: [0, 1] };
}

/** Folder of the masks that exactly these finders make. */
export function masksDir({ home }: Pick<Places, 'home'>, finders: readonly Finder[]): string {
  const of = finders.map(({ kind, sha256, range, prompt }) => [kind, sha256, ...range, ...(prompt ? [prompt] : [])]);
  return join(home, 'masks', sha256OfText(JSON.stringify([WORKER, of])).slice(0, 24));
}

/** Path of an image's mask, whether it exists or not. */
export const maskPlace = (dir: string, sha256: string): string => join(dir, sha256.slice(0, 2), `${sha256}.png`);

/**
 * The made masks of images.
 * @throws UsageError when no image has one
 */
async function madeMasks(scan: HashedScan, finds: readonly MaskFind[], where: Where): Promise<FoundMasks> {
  const dir = masksDir(where.places, maskFinders(finds, where));
  const masks = new Map<string, MaskFile>();
  for (const { path, sha256 } of scan.images) {
    const file = maskPlace(dir, sha256);
    if (statOf(file)?.isFile() === true)
      masks.set(path, { path: file, sha256: await sha256OfFile(file), alpha: false });
  }
  const make = `visiontrain dataset mask ${shellWord(scan.root)} ${finds.map((find) => `--find ${shellWord(find)}`).join(' ')}`;
  if (masks.size === 0)
    throw new UsageError(`dataset.masks is set, but no mask was made for the pictures in ${scan.root}.`, {
      id: 'dataset/no-mask',
      nextSteps: [`Make them:  ${make}`, 'Train without masks:  --set dataset.masks=null'],
    });
  const bare = scan.images.length - masks.size;
  const note = `${plural(bare, 'picture')} without a made mask: learned whole. ${make} makes them`;
  return { masks, notes: bare === 0 ? [] : [note] };
}

/**
 * The masks that `dataset.masks` asks for; undefined when it is off.
 * @throws UsageError when no image has one
 */
export async function runMasks(
  scan: HashedScan,
  masks: RunSpec['dataset']['masks'],
  { dir, ...where }: Where & { readonly dir: string },
): Promise<FoundMasks | undefined> {
  if (masks === null) return undefined;
  return masks.from === 'made' ? madeMasks(scan, masks.find, where) : findMasks(scan, masks.from, dir);
}
