/** Puts captions that models have written into a scan, and lists the images that are still to be captioned. */
import { plural } from '../../base/text.ts';
import { locateModel } from '../../registry/catalogue/locate.ts';
import { editedCaption } from '../captions/edits/history.ts';
import { captionMethods, type MethodInput } from '../captions/methods.ts';
import { captionsDir, readWritten } from '../captions/store.ts';
import type { HashedScan } from '../dataset/hash.ts';
import type { NeededEntry } from './base.ts';

export interface CaptionedScan {
  /** The scan with written captions for images that have none of their own. A person's own caption always wins. */
  readonly scan: HashedScan;
  /** Hashes of the images that a model has still to caption. */
  readonly pending: readonly string[];
  readonly notes: readonly string[];
  /** Entries that must be fetched before captions can be written. */
  readonly needs: readonly NeededEntry[];
}

/**
 * The scan with captions that models have written and with those that a person edited, which override all others.
 * @throws UsageError when `captions` names a model that cannot write captions
 */
export async function takeWritten(scan: HashedScan, input: MethodInput): Promise<CaptionedScan> {
  return takeEdits(await takeResults(scan, input), scan, captionsDir(input.places));
}

function takeEdits(captioned: CaptionedScan, own: HashedScan, store: string): CaptionedScan {
  const { images, edited, notes } = withEdits(captioned.scan.images, own, store);
  if (edited.size === 0) return captioned;
  return {
    ...captioned,
    scan: { ...captioned.scan, images },
    pending: captioned.pending.filter((sha256) => !edited.has(sha256)),
    notes: [...captioned.notes, ...notes],
  };
}

/**
 * Images with the captions that a person edited.
 * @param own the scan with the captions from files
 */
export function withEdits(images: HashedScan['images'], { images: own, root }: HashedScan, store: string) {
  const edited = new Set<string>();
  const found = images.map((image, i) => {
    const text = editedCaption(store, image.sha256, own[i]?.caption ?? null);
    if (text === undefined) return image;
    edited.add(image.sha256);
    return { ...image, caption: text === '' ? null : text };
  });
  const note = `${plural(edited.size, 'caption')} as you edited ${edited.size === 1 ? 'it' : 'them'}: visiontrain dataset caption versions ${root}`;
  return { images: found, edited, notes: edited.size === 0 ? [] : [note] };
}

async function takeResults(scan: HashedScan, input: MethodInput): Promise<CaptionedScan> {
  const { settings, places } = input;
  const bare = scan.images.filter(({ caption }) => caption === null);
  if (settings.write === null || bare.length === 0) return { scan, pending: [], notes: [], needs: [] };
  const methods = await captionMethods(input);
  const store = captionsDir(places);
  const pending: string[] = [];
  const images = scan.images.map((image) => {
    if (image.caption !== null) return image;
    const written = readWritten(store, image.sha256, methods, settings);
    if (written === undefined) pending.push(image.sha256);
    return written === undefined || written.caption === '' ? image : { ...image, caption: written.caption };
  });
  const names = methods.map(({ name }) => name).join(' and ');
  const taken = bare.length - pending.length;
  const theirs = pending.length === 1 ? 'it' : 'them';
  const notes = [
    ...(taken > 0 ? [`${plural(taken, 'picture')} without a caption: what ${names} wrote is taken`] : []),
    ...(pending.length > 0
      ? [`${plural(pending.length, 'picture')} without a caption: ${names} writes ${theirs} first`]
      : []),
  ];
  const entries = pending.length === 0 ? [] : methods.flatMap(({ entry }) => entry ?? []);
  const needs = entries
    .filter((entry) => !locateModel(entry, places).ready)
    .map((entry) => ({ entry, companionsOnly: false }));
  return { scan: { ...scan, images }, pending, notes, needs };
}
