/**
 * Sets aside files in a folder of images that are not part of its subject: masks of other trainers, regularisation
 * images, samples of earlier runs, the rest of a project folder. They are recognised by their names and by the files
 * beside them. Pure.
 */
import { byCodePoint, plural } from '../../base/text.ts';
import { isImage, stemOf } from './names.ts';
import type { Folder, Walk } from './walk.ts';

export interface FoldersToUse {
  /** Folders with the files that remain for training. */
  readonly folders: readonly Folder[];
  /** One sentence for each kind that was set aside. */
  readonly notes: readonly string[];
}

export type WalkedFolders = Pick<Walk, 'folders' | 'passed'> & {
  /** Folders inside this one that are scanned on their own; this folder may hold masks of their images. */
  readonly beyond?: () => readonly Folder[];
};

/** The sentence about each kind of file that is set aside. */
const SAID = {
  mask: 'masks and condition images of another trainer',
  reg: 'regularisation images, which mean the opposite of the subject',
  project: 'folders beside img/ in a project folder of kohya_ss',
  sample: 'samples that a training drew',
  small: 'thumbnails of images that are here',
  run: 'folders of runs',
  home: 'the folder of visiontrain itself',
  system: 'hidden folders, and folders of the system',
} as const;
type Kind = keyof typeof SAID;

export const REG = /^(\d+_)?(reg|regs|regulari[sz]ation)([ _-]?(images?|imgs?|data|class|set|\d+))?s?$/iu;
export const MASKS =
  /^(masks?|mask[ _-]?(labels?|images?)|cond[ _-]?labels?|conditions?|conditioning([ _-]?(images?|data))?)$/iu;
const SMALL = /^(thumbs?|thumbnails?)$/iu;
const SAMPLES = /^samples?$/iu;
/** Folders that the GUI of sd-scripts makes beside `img`. */
const PROJECT = new Set(['reg', 'model', 'models', 'log', 'logs', 'output', 'outputs']);
const PROJECT_IMAGES = new Set(['img', 'image', 'images']);
/** Name of a mask beside its image: `fox-masklabel.png` beside `fox.png`. */
const MASK_OF = /^(.+?)(-masklabel|-condlabel|[._-]mask)$/iu;
/** A quick test that is done first on each name. */
const MAYBE_MASK = /mask|condlabel/iu;
/** Names of samples made by sd-scripts: `name_000100_00_20240131120000_42.png`, `name_e000002_…`. */
const DRAWN = /_e?\d{6}_\d{2}_\d{14}(_\d+)?$/u;

/**
 * Leaves out files that do not belong to the subject.
 * @param included names or paths of folders and files that are used nevertheless
 * @param captionExtension with its dot; an image with a caption is part of the subject, whatever its name
 * @param masksAreUsed whether masks are used for the loss, so that no note about them is needed
 */
export function leaveAside(
  walk: WalkedFolders,
  included: readonly string[],
  captionExtension: string,
  masksAreUsed = false,
): FoldersToUse {
  const passed = new Map<Kind, string[]>();
  const pass = (kind: Kind, path: string) => {
    const paths = passed.get(kind);
    if (paths === undefined) passed.set(kind, [path]);
    else paths.push(path);
  };
  for (const { kind, path } of walk.passed) pass(kind, `${path}/`);
  const wanted = new Set(included.map((name) => name.replace(/\/+$/u, '')));
  const kindOf = folderKinds(walk, wanted, captionExtension);
  const counts = new Map<string, number>();
  const folders: Folder[] = [];
  for (const folder of walk.folders) {
    const found = kindOf(folder);
    if (found === undefined) {
      folders.push(withoutMasks(folder, { wanted, captionExtension, pass }));
      continue;
    }
    const images = folder.files.filter(isImage).length;
    if (images === 0) continue;
    if (!counts.has(found.top)) pass(found.kind, `${found.top}/`);
    counts.set(found.top, (counts.get(found.top) ?? 0) + images);
  }
  return { folders, notes: notesOf(passed, counts, masksAreUsed) };
}

function notesOf(
  passed: ReadonlyMap<Kind, readonly string[]>,
  counts: ReadonlyMap<string, number>,
  masksAreUsed: boolean,
): readonly string[] {
  const noted = [...passed].filter(([kind]) => kind !== 'mask' || !masksAreUsed);
  return noted.map(([kind, paths]) => sentence(kind, paths, counts));
}

interface Found {
  readonly kind: Kind;
  /** The folder whose name was recognised; the files may lie deeper. */
  readonly top: string;
}

type FolderKind = (folder: Folder) => Found | undefined;

function folderKinds(
  { folders, beyond }: WalkedFolders,
  wanted: ReadonlySet<string>,
  captionExtension: string,
): FolderKind {
  const byPath = new Map(folders.map((folder) => [folder.path, folder]));
  const projects = new Set(projectFolders(folders));
  let stems: ReadonlySet<string> | undefined;
  // The set of names is built only when it is needed: most data sets hold no such files.
  const elsewhere = () => {
    stems ??= new Set([
      ...folders.filter(({ path }) => !isAuxiliary(path)).flatMap(({ files }) => imageStems(files)),
      ...(beyond?.() ?? []).flatMap(({ files }) => imageStems(files)),
    ]);
    return stems;
  };
  return (folder) => {
    const names = folder.path.split('/');
    for (let i = 0; i < names.length && folder.path !== ''; i += 1) {
      const name = names[i] ?? '';
      const top = names.slice(0, i + 1).join('/');
      const above = names.slice(0, i).join('/');
      if (wanted.has(name) || wanted.has(top)) return undefined;
      if (REG.test(name)) return { kind: 'reg', top };
      if (projects.has(above) && PROJECT.has(name.toLowerCase())) return { kind: 'project', top };
      if (SAMPLES.test(name) && areDrawn(folder, byPath.get(above))) return { kind: 'sample', top };
      const beside = MASKS.test(name) ? 'mask' : SMALL.test(name) ? 'small' : undefined;
      if (beside !== undefined && belongToOthers(folder, elsewhere(), captionExtension)) return { kind: beside, top };
    }
    return undefined;
  };
}

const isAuxiliary = (path: string) => path.split('/').some((name) => MASKS.test(name) || SMALL.test(name));

const imageStems = (files: readonly string[]) => files.filter(isImage).map(stemOf);

/** Finds project folders: those with images in `img` and one of the other folders of a project beside it. */
function projectFolders(folders: readonly Folder[]): string[] {
  const inside = new Map<string, Set<string>>();
  const withImages = new Set<string>();
  for (const { path, files } of folders) {
    const names = path.split('/');
    const hasImages = files.some(isImage);
    for (let i = 0; i < names.length && path !== ''; i += 1) {
      const above = names.slice(0, i).join('/');
      const name = (names[i] ?? '').toLowerCase();
      if (PROJECT.has(name) || PROJECT_IMAGES.has(name)) inside.set(above, (inside.get(above) ?? new Set()).add(name));
      if (hasImages && PROJECT_IMAGES.has(name)) withImages.add(above);
    }
  }
  return [...withImages].filter((path) => [...(inside.get(path) ?? [])].some((name) => PROJECT.has(name)));
}

/** Whether a folder holds samples: a trained file lies beside it, or its files have the names that a trainer gives. */
function areDrawn({ files }: Folder, above: Folder | undefined): boolean {
  if (above?.files.some((name) => name.toLowerCase().endsWith('.safetensors'))) return true;
  const stems = imageStems(files);
  return stems.length > 0 && stems.every((stem) => DRAWN.test(stem));
}

/** Whether at least half of the images have the name of an image in another folder, and none has a caption. */
function belongToOthers({ files }: Folder, elsewhere: ReadonlySet<string>, captionExtension: string): boolean {
  const stems = imageStems(files);
  if (stems.length === 0) return false;
  const words = new Set(files.filter((name) => name.toLowerCase().endsWith(captionExtension)).map(stemOf));
  if (stems.some((stem) => words.has(stem))) return false;
  const known = stems.filter((stem) => elsewhere.has(stem) || elsewhere.has(MASK_OF.exec(stem)?.[1] ?? ''));
  return known.length * 2 >= stems.length;
}

interface Rules {
  readonly wanted: ReadonlySet<string>;
  readonly captionExtension: string;
  readonly pass: (kind: Kind, path: string) => void;
}

/** Leaves out masks that lie beside their image. */
function withoutMasks(folder: Folder, { wanted, captionExtension, pass }: Rules): Folder {
  const masks = folder.files.filter((name) => MAYBE_MASK.test(name) && isImage(name) && MASK_OF.test(stemOf(name)));
  if (masks.length === 0) return folder;
  const all = new Set(folder.files);
  const stems = new Set(imageStems(folder.files));
  const prefix = folder.path === '' ? '' : `${folder.path}/`;
  const gone = new Set<string>();
  for (const name of masks) {
    const subject = MASK_OF.exec(stemOf(name))?.[1] ?? '';
    if (!stems.has(subject) || all.has(stemOf(name) + captionExtension)) continue;
    if (wanted.has(name) || wanted.has(prefix + name)) continue;
    gone.add(name);
    pass('mask', prefix + name);
  }
  return gone.size === 0 ? folder : { ...folder, files: folder.files.filter((name) => !gone.has(name)) };
}

/** Advice that replaces the usual advice on how to include files. */
const CURES: Partial<Record<Kind, string>> = {
  system: '',
  reg: '; dataset.sources with role: regularisation uses them as such, dataset.include as the subject',
};

/** Number of names that are listed for each kind. */
const NAMED = 4;

function sentence(kind: Kind, paths: readonly string[], counts: ReadonlyMap<string, number>): string {
  const images = paths.reduce((sum, path) => sum + (path.endsWith('/') ? (counts.get(path.slice(0, -1)) ?? 0) : 1), 0);
  const names = paths.toSorted(byCodePoint);
  const more = names.length > NAMED ? `, and ${names.length - NAMED} more` : '';
  const count = images === 0 ? '' : `, ${plural(images, 'image')}`;
  const cure = CURES[kind] ?? '; dataset.include in run.yaml takes them in';
  return `${names.slice(0, NAMED).join(', ')}${more}: passed over as ${SAID[kind]}${count}${cure}`;
}
