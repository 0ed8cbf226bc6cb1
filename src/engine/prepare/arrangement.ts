/**
 * Recognises how a folder is arranged: folders of sd-scripts named for repeats (`10_zwx fox`), regularisation images,
 * masks and validation images beside the subject, sub-folders with captions. The parts become sources of a run.
 */
import { byCodePoint, plural } from '../../base/text.ts';
import type { SourceRole, SourceSpec } from '../../spec/sections/sources.ts';
import { leaveAside, MASKS, REG } from '../dataset/aside.ts';
import { isImage, stemOf } from '../dataset/names.ts';
import { type Folder, walkFolder } from '../dataset/walk.ts';

export interface FoundSource {
  /** Relative to the root. */
  readonly path: string;
  readonly role: SourceRole;
  /** The number at the beginning of the folder's name; null without one. */
  readonly repeats: number | null;
  /** The words behind that number, which sd-scripts uses as the caption of the images; null without them. */
  readonly words: string | null;
  readonly images: number;
}

export interface Arrangement {
  readonly sources: readonly FoundSource[];
  /** `auto`, or the folder of the masks relative to the root; null where there are none. */
  readonly masks: string | null;
  /** Number of images with a mask. */
  readonly masked: number;
}

/** Most sources that a run can have. */
const MOST = 100;
/**
 * Most sub-folders with captions that count as sources. More of them are an exported gallery, not sources that
 * somebody set up.
 */
const MOST_CAPTIONED = 12;
const NUMBERED = /^(\d{1,5})_(.+)$/u;
const VALIDATION = /^(validation|val|valid)$/iu;
const TRAIN = /^train(ing)?$/iu;
const TEST = /^test$/iu;

/**
 * The arrangement of a folder; undefined for a plain folder, or for one that cannot be entered, which the scan
 * reports.
 * @param own folders of ours, which are not entered
 */
export function arrangementOf(root: string, own: readonly string[] = []): Arrangement | undefined {
  let folders: readonly Folder[];
  let subject: readonly Folder[];
  try {
    const walk = walkFolder(root, { own });
    folders = walk.folders;
    subject = leaveAside(walk, [], '.txt').folders.filter(hasImages);
  } catch {
    return undefined;
  }
  const aside = new Set(subject.map(({ path }) => path));
  const validation = validationSources(subject);
  const held = new Set(validation.map(({ path }) => path));
  const trained = subject.filter(({ path }) => !tops(path).some((top) => held.has(top)));
  const numbered = numberedSources(trained);
  const train = numbered.length > 0 ? numbered : captionedSources(trained);
  const others = folders.filter((folder) => !aside.has(folder.path) && hasImages(folder));
  const sources = [...train, ...regSources(others), ...validation];
  const masks = masksOf(others, { folders, trained });
  if ((sources.length === 0 || sources.length > MOST) && masks.masks === null) return undefined;
  return { sources: sources.length > MOST ? [] : sources, ...masks };
}

const hasImages = ({ files }: Folder) => files.some(isImage);
const imagesOf = (folders: readonly Folder[]) =>
  folders.reduce((sum, { files }) => sum + files.filter(isImage).length, 0);
const isWithin = (path: string, top: string) => path === top || path.startsWith(`${top}/`);

/** A path and all paths above it, the outermost first. */
function tops(path: string): string[] {
  const names = path.split('/');
  return names.map((_, i) => names.slice(0, i + 1).join('/'));
}

const nameOf = (path: string) => path.slice(path.lastIndexOf('/') + 1);

/** The innermost folder on a path whose name begins with a number of repeats. */
const numberedTop = (path: string) => tops(path).findLast((top) => NUMBERED.test(nameOf(top)));

function sourceOf(path: string, role: SourceRole, folders: readonly Folder[]): FoundSource {
  const [, digits, words] = NUMBERED.exec(nameOf(path)) ?? [];
  return {
    path,
    role,
    repeats: digits === undefined ? null : Math.min(10_000, Number(digits)),
    words: words?.trim() || null,
    images: imagesOf(folders.filter((folder) => isWithin(folder.path, path))),
  };
}

/**
 * Sources in folders with a number of repeats. A folder with 0 repeats is no source: the scan leaves it out and says
 * so.
 */
function numberedSources(trained: readonly Folder[]): readonly FoundSource[] {
  const found = new Set(trained.flatMap(({ path }) => numberedTop(path) ?? []));
  const sources = [...found].toSorted(byCodePoint).map((path) => {
    const mine = trained.filter((folder) => numberedTop(folder.path) === path);
    return sourceOf(path, 'train', mine);
  });
  return sources.filter(({ repeats }) => repeats !== 0);
}

/** Two or more sub-folders of the root, each with captions, when no image lies outside of them. */
function captionedSources(trained: readonly Folder[]): readonly FoundSource[] {
  const found = [...new Set(trained.map(({ path }) => path.split('/')[0] ?? ''))].toSorted(byCodePoint);
  const areCaptioned = found.every((top) => trained.some(({ path, files }) => isWithin(path, top) && captions(files)));
  if (found.includes('') || found.length < 2 || found.length > MOST_CAPTIONED || !areCaptioned) return [];
  return found.map((path) => sourceOf(path, 'train', trained));
}

const captions = (files: readonly string[]) => files.some((name) => /\.(txt|caption)$/iu.test(name));

/** Validation folders: `validation`, and beside `train` also the other usual names of a validation split. */
function validationSources(subject: readonly Folder[]): readonly FoundSource[] {
  const all = new Set(subject.flatMap(({ path }) => (path === '' ? [] : tops(path))));
  const above = (path: string) => path.slice(0, Math.max(0, path.lastIndexOf('/')));
  const train = new Set([...all].filter((path) => TRAIN.test(nameOf(path))).map(above));
  const isHeld = (path: string) => {
    const name = nameOf(path);
    if (name.toLowerCase() === 'validation') return true;
    return train.has(above(path)) && (VALIDATION.test(name) || TEST.test(name));
  };
  const held = [...all].filter(isHeld).toSorted(byCodePoint);
  const rest = subject.filter(({ path }) => !held.some((top) => isWithin(path, top)));
  // If there are no other images, the folder is the subject, whatever its name.
  return rest.length === 0 ? [] : held.map((path) => sourceOf(path, 'validation', subject));
}

/**
 * Regularisation folders: folders such as `reg/1_fox`, each with the class in its name; without such folders, `reg` as
 * a whole.
 */
function regSources(others: readonly Folder[]): readonly FoundSource[] {
  const regs = others.flatMap((folder) => {
    const top = tops(folder.path).find((path) => REG.test(nameOf(path)));
    if (top === undefined) return [];
    const numbered = numberedTop(folder.path);
    return [{ folder, path: numbered !== undefined && isWithin(numbered, top) ? numbered : top }];
  });
  const paths = [...new Set(regs.map(({ path }) => path))].toSorted(byCodePoint);
  return paths.map((path) => {
    const mine = regs.filter((one) => one.path === path).map(({ folder }) => folder);
    // The repeats of regularisation images follow from those of the subject.
    return { ...sourceOf(path, 'regularisation', mine), repeats: null };
  });
}

interface Around {
  readonly folders: readonly Folder[];
  readonly trained: readonly Folder[];
}

const MASK_NAME = /^(.+?)(-masklabel|[._-]mask)$/iu;

/** Masks are used where at least half of the images have one. */
function masksOf(others: readonly Folder[], { folders, trained }: Around): Pick<Arrangement, 'masks' | 'masked'> {
  const stems = trained.flatMap(({ files }) => files.filter(isImage).map(stemOf));
  const inFolders = others.flatMap((folder) => {
    const top = tops(folder.path).find((path) => MASKS.test(nameOf(path)) && /mask/iu.test(nameOf(path)));
    return top === undefined ? [] : [{ top, files: folder.files }];
  });
  const masks = new Set(
    inFolders.flatMap(({ files }) =>
      files.filter(isImage).map((name) => MASK_NAME.exec(stemOf(name))?.[1] ?? stemOf(name)),
    ),
  );
  const masked = stems.filter((stem) => masks.has(stem)).length;
  const beside = besides(folders);
  const most = Math.max(masked, beside);
  if (stems.length === 0 || most * 2 < stems.length) return { masks: null, masked: 0 };
  const [first = '', ...more] = new Set(inFolders.map(({ top }) => top));
  return { masks: masked >= beside && more.length === 0 ? first : 'auto', masked: most };
}

/** Number of images with a mask beside them, such as `fox-masklabel.png`. */
function besides(folders: readonly Folder[]): number {
  return folders.reduce((sum, { files }) => {
    if (!files.some((name) => /mask/iu.test(name))) return sum;
    const stems = new Set(files.filter(isImage).map(stemOf));
    return sum + [...stems].filter((stem) => stems.has(MASK_NAME.exec(stem)?.[1] ?? '')).length;
  }, 0);
}

/** Lines about an arrangement for the person, one for each part. Pure. */
export function arrangementLines({ sources, masks, masked }: Arrangement): string[] {
  const lines = sources.map(({ path, role, images, words, repeats }) => {
    const count = plural(images, role === 'regularisation' ? 'regularisation picture' : 'picture');
    if (role === 'validation') return `${path}/: ${count}, only measured on`;
    if (role === 'regularisation') return `${path}/: ${count}${words === null ? '' : `, called "${words}"`}`;
    return `${path}/: ${count}${repeats === null ? '' : `, each used ${times(repeats)}, as its name says`}`;
  });
  const from = masks === 'auto' ? 'beside the pictures' : `in ${masks}/`;
  return masks === null ? lines : [...lines, `masks ${from}: ${plural(masked, 'picture')} learned within theirs`];
}

const times = (repeats: number) => (repeats === 1 ? 'once' : `${repeats} times`);

/**
 * An arrangement as keys of run.yaml.
 * @param captioned whether the words in folder names caption the images that have no caption
 */
export function arrangedValues(
  root: string,
  found: Arrangement,
  captioned: boolean,
): Readonly<Record<string, unknown>> {
  const sources = found.sources.map(({ path, role, repeats, words }): Partial<SourceSpec> => {
    const named = words !== null && (role === 'regularisation' || (role === 'train' && captioned));
    return {
      path: `${root}/${path}`,
      role,
      ...(repeats === null || role !== 'train' ? {} : { repeats }),
      ...(named ? { default_caption: words } : {}),
    };
  });
  return {
    ...(sources.length === 0 ? {} : { 'dataset.sources': sources }),
    ...(found.masks === null
      ? {}
      : { 'dataset.masks': { from: found.masks === 'auto' ? 'auto' : `${root}/${found.masks}` } }),
    ...(sources.some(({ role }) => role === 'validation') ? { 'dataset.validation_share': 0 } : {}),
  };
}
