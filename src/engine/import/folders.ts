/**
 * Turns several folders in one file (subsets of sd-scripts, datasets of ai-toolkit) into sources of run.yaml. Pure.
 */
import { asTyped } from '../../spec/foreign/values.ts';
import { foreignWords } from '../../spec/foreign/words.ts';
import { convertWord } from '../../spec/foreign.ts';
import { sourceFields } from '../../spec/sections/sources.ts';
import { yamlValue } from '../../spec/write.ts';
import type { ForeignPair, ImportLine } from './line.ts';

interface Folders {
  /** The words, without those of the further folders. */
  readonly pairs: readonly ForeignPair[];
  readonly sources: readonly Readonly<Record<string, unknown>>[];
  readonly lines: readonly ImportLine[];
  readonly lost: readonly ImportLine[];
}

/** Words that name the folder of a subset. */
const FOLDER: ReadonlySet<string> = new Set(['image_dir', 'folder_path']);

/**
 * Splits the folders: the first one that is trained is the data set, and its words apply to all; each other folder is
 * a source.
 */
export function splitFolders(all: readonly ForeignPair[]): Folders {
  const folders = all.filter(({ name, where }) => FOLDER.has(name) && /\.\d+\./u.test(where));
  if (folders.length < 2) return { pairs: all, sources: [], lines: [], lost: [] };
  const wordsOf = ({ where }: ForeignPair) => all.filter((pair) => ownerOf(pair.where) === ownerOf(where));
  const isRegularisation = (folder: ForeignPair) =>
    wordsOf(folder).some(({ name, value }) => name === 'is_reg' && asTyped(value) === true);
  const first = folders.find((folder) => !isRegularisation(folder)) ?? folders[0];
  const others = folders.filter((folder) => folder !== first);
  const owners = new Set(others.map(({ where }) => ownerOf(where)));
  const made = others.map((folder) => sourceOf(folder, wordsOf(folder)));
  return {
    pairs: all.filter(({ where }) => !owners.has(ownerOf(where))),
    sources: made.map(({ source }) => source),
    lines: made.map(({ source }, i) => ({
      theirs: `${ownerOf(others[i]?.where ?? '')}: ${String(source.path)}`,
      ours: `dataset.sources: ${yamlValue(source)}`,
      why: null,
    })),
    lost: made.flatMap(({ lost }) => lost),
  };
}

/** The owner of a word: `datasets.1.subsets.2.image_dir` → `datasets.1.subsets.2`. */
const ownerOf = (where: string): string => where.slice(0, Math.max(0, where.lastIndexOf('.')));

function sourceOf(
  folder: ForeignPair,
  words: readonly ForeignPair[],
): { readonly source: Readonly<Record<string, unknown>>; readonly lost: readonly ImportLine[] } {
  const reg = words.some(({ name, value }) => name === 'is_reg' && asTyped(value) === true);
  const source: Record<string, unknown> = { path: folder.value, ...(reg ? { role: 'regularisation' } : {}) };
  const lost: ImportLine[] = [];
  for (const { name, value, where } of words) {
    if (name === 'is_reg' || FOLDER.has(name)) continue;
    const word = foreignWords.find(({ names }) => names.includes(name));
    // In a subset of regularisation images, the class token is the class and not a trigger.
    const field = reg && name === 'class_tokens' ? 'default_caption' : (word?.key ?? `dataset.${name}`).split('.')[1];
    const ours = word === undefined || field === 'default_caption' ? asTyped(value) : convertWord(word, value);
    const takes = field === undefined ? undefined : sourceFields[field];
    if (field !== undefined && ours !== undefined && takes?.safeParse(ours).success === true) source[field] = ours;
    else if (asTyped(value) !== false && asTyped(value) !== 0 && value !== '')
      lost.push({ theirs: `${where}: ${String(value)}`, ours: null, why: 'a folder of its own cannot have it' });
  }
  return { source, lost };
}
