/**
 * Finds the files and headings that a page of documentation points to. Every function is pure, so that a test can pass
 * a page with a mistake.
 */
import { posix } from 'node:path';

export interface Files {
  /** Paths from the repository's root. */
  readonly files: ReadonlySet<string>;
  readonly folders: ReadonlySet<string>;
}

const HOUSES = ['src', 'trainer', 'test', 'bench', 'scripts', 'presets', 'docs', 'examples', 'bin', '.ci', '.github'];
/** These are files of other programs. */
const OTHERS = ['train_text_to_image_lora.py'];

/** Folders are derived from the files in them, because an empty folder is in no clone. */
export function withFolders(paths: Iterable<string>): Files {
  const files = new Set(paths);
  const folders = new Set(['.']);
  for (const file of files)
    for (let folder = posix.dirname(file); folder !== '.'; folder = posix.dirname(folder)) folders.add(folder);
  return { files, folders };
}

const withoutFences = (text: string): string => text.replace(/^( *)(`{3,})[^\n]*\n[\s\S]*?^ *\2 *$/gmu, '');

/** Links of the page `at` to files and headings that are not there. `read` gives the text of a file. */
export function deadLinks(at: string, read: (file: string) => string, tree: Files): string[] {
  const text = withoutFences(read(at)).replace(/`[^`\n]*`/gu, '');
  const targets = [...text.matchAll(/\]\(([^()\s]+)\)/gu)].map((match) => match[1] ?? '');
  return targets
    .filter((target) => !/^[a-z]+:/u.test(target))
    .filter((target) => {
      const [path = '', heading] = target.split('#');
      const file = path === '' ? at : posix.join(posix.dirname(at), path).replace(/\/$/u, '');
      if (heading === undefined) return !tree.files.has(file) && !tree.folders.has(file);
      return !tree.files.has(file) || !headings(read(file)).includes(heading);
    })
    .map((target) => `${at}: ${target}`);
}

/** The names that GitHub gives to the headings of a page. */
function headings(text: string): string[] {
  return [...withoutFences(text).matchAll(/^#+ +(.+)$/gmu)].map((match) =>
    (match[1] ?? '')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/ /gu, '-'),
  );
}

/** Paths of the source that a page names as code and that are not there. */
export function deadPaths(at: string, text: string, tree: Files): string[] {
  const code = [...text.matchAll(/```[\s\S]*?```|`[^`]+`/gu)].map(([span]) => span).join('\n');
  // A path may be broken over two lines after one of its slashes.
  const words = code.replace(/\/\n\s*/gu, '/').match(/(?<![\w./:@<~-])[\w.][\w./-]*(?![*<{])/gu) ?? [];
  const names = words.map((word) => word.replace(/[./]+$/u, ''));
  return [...new Set(names)].filter((name) => !isThere(name, tree)).map((name) => `${at}: ${name}`);
}

function isThere(name: string, { files, folders }: Files): boolean {
  const [house = ''] = name.split('/');
  if (name.includes('/') && HOUSES.includes(house)) return files.has(name) || folders.has(name);
  if (OTHERS.includes(name) || !/\w\.(tsx?|py|mjs)$/u.test(name)) return true;
  return files.has(name) || [...files].some((file) => file.endsWith(`/${name}`));
}
