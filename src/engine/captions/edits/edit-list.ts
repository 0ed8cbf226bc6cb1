/** Captions as the lines of a text that a person edits: the path of the image, a tab, its caption. Pure. */
import { plural } from '../../../base/text.ts';
import { oneLine } from '../../dataset/captions.ts';

export interface CaptionLine {
  readonly path: string;
  readonly caption: string;
}

const HEAD = [
  '# A line for each picture: its path, a tab, its caption. Change the captions, save and leave the editor.',
  '# A line that you delete, and one that begins with #, changes nothing. An empty caption is none.',
  '# The pictures and the files beside them stay as they are: `visiontrain dataset caption undo DIR` takes this back.',
  '',
];

/** Whether a path can be written in a line. */
export const canStand = (path: string): boolean => !/[\t\n\r]/u.test(path) && !path.startsWith('#');

export const editText = (lines: readonly CaptionLine[]): string =>
  [...HEAD, ...lines.map(({ path, caption }) => `${path}\t${oneLine(caption)}`), ''].join('\n');

export interface Edited {
  /** The lines whose caption was changed. */
  readonly changed: readonly CaptionLine[];
  /** Lines that cannot be understood, each with its number. */
  readonly problems: readonly string[];
}

/** Reads the edited text. When there are problems, no change must be applied. */
export function readEdits(text: string, before: readonly CaptionLine[]): Edited {
  const known = new Map(before.map(({ path, caption }) => [path, oneLine(caption)]));
  const changed = new Map<string, string>();
  const seen = new Map<string, number>();
  const problems: string[] = [];
  for (const [i, line] of text
    .replace(/^\ufeff/u, '')
    .split(/\r\n|[\n\r]/u)
    .entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const tab = line.indexOf('\t');
    const path = tab < 0 ? line.trim() : line.slice(0, tab);
    const was = known.get(path);
    const at = `line ${i + 1}`;
    if (was === undefined) {
      problems.push(tab < 0 ? `${at} has no tab after the path` : `${at}: there is no picture ${path}`);
      continue;
    }
    const first = seen.get(path);
    if (first !== undefined) problems.push(`${at}: ${path} stands in line ${first} too`);
    seen.set(path, i + 1);
    const caption = oneLine(tab < 0 ? '' : line.slice(tab + 1));
    if (caption.length > MOST_LETTERS) problems.push(`${at}: ${plural(caption.length, 'letter')} are too many`);
    else if (caption !== was) changed.set(path, caption);
  }
  return { changed: [...changed].map(([path, caption]) => ({ path, caption })), problems };
}

const MOST_LETTERS = 20_000;
