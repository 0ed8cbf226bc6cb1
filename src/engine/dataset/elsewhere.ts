/**
 * Finds captions for images without a caption file or a row in a table, in the places that `dataset.caption_from`
 * names: inside the image, its file name, or the name of its folder.
 */
import { closeSync } from 'node:fs';
import { basename } from 'node:path';
import { openGivenUnchecked } from '../../base/files/regular-file.ts';
import { statOf } from '../../base/files/stat.ts';
import { plural } from '../../base/text.ts';
import type { CaptionFrom } from '../../spec/sections/choices.ts';
import { CAPTION_LIMIT, oneLine, readCaption } from './captions.ts';
import { KnownFiles } from './known/known-files.ts';
import { stemOf } from './names.ts';
import { windowReader } from './window.ts';
import { wordsInside } from './words/inside.ts';
import { wordsOfFolder, wordsOfName, wordsOfSource } from './words/named.ts';

/** Must be raised when another text would be found in the same image. */
const VERSION = 2;

const PLACES: Readonly<Record<CaptionFrom, string>> = {
  image: 'from inside the file',
  file_name: 'from the name of the file',
  folder: 'from the name of the folder',
};

export class Elsewhere {
  readonly #root: string;
  readonly #order: readonly CaptionFrom[];
  /** Words for images that lie directly in the root. */
  readonly #ownWords: string | undefined;
  /** Remembered texts of images; undefined when captions inside images are not wanted. */
  readonly #known: KnownFiles | undefined;
  readonly #counts = new Map<CaptionFrom, number>();

  /** @param wanted `sourceName` is the name of the root, where that is a source with a name of its own */
  constructor(
    root: string,
    wanted: { captionFrom?: readonly CaptionFrom[]; cacheDir?: string | null; sourceName?: string },
  ) {
    this.#root = root;
    const name = wanted.sourceName ?? basename(root);
    // A number of repeats shows that the folder was named for what is in it, as sd-scripts wants it.
    const isNamed = wanted.sourceName !== undefined || /^\d{1,5}_/u.test(name);
    this.#ownWords = isNamed ? wordsOfSource(name) : undefined;
    this.#order = wanted.captionFrom ?? [];
    this.#known = this.#order.includes('image')
      ? new KnownFiles({ cacheDir: wanted.cacheDir ?? null, root, kind: 'inside', version: VERSION })
      : undefined;
  }

  /**
   * The caption from the first place that has one; null where none has.
   * @param lines whether its lines stay lines
   */
  caption(path: string, lines: boolean): string | null {
    for (const from of this.#order) {
      const words = this.#from(from, path);
      const text = words === undefined || words.length > CAPTION_LIMIT ? '' : asCaption(words, lines);
      if (text === '') continue;
      this.#counts.set(from, (this.#counts.get(from) ?? 0) + 1);
      return text;
    }
    return null;
  }

  #from(from: CaptionFrom, path: string): string | undefined {
    if (from === 'folder') return path.includes('/') ? wordsOfFolder(path) : this.#ownWords;
    return from === 'file_name' ? wordsOfName(stemOf(path.slice(path.lastIndexOf('/') + 1))) : this.#inside(path);
  }

  #inside(path: string): string | undefined {
    const full = `${this.#root}/${path}`;
    const stats = statOf(full);
    if (stats?.isFile() !== true) return undefined;
    const known = this.#known?.find(path, stats);
    if (known !== undefined) return known.text;
    let file: number;
    try {
      file = openGivenUnchecked(full);
    } catch {
      // The header could be read a moment ago. A file that has disappeared since then is reported when the image is
      // read whole.
      return undefined;
    }
    try {
      const text = wordsInside(windowReader(file)) ?? '';
      this.#known?.keep(path, stats, { numbers: [0, 0, 0, 0], text });
      return text;
    } catch {
      // The block of text is damaged, but the image may still be whole.
      return undefined;
    } finally {
      closeSync(file);
    }
  }

  /** One sentence for each place from which captions were taken. */
  notes(): readonly string[] {
    return this.#order.flatMap((from) => {
      const count = this.#counts.get(from);
      return count === undefined ? [] : [`${plural(count, 'image')} captioned ${PLACES[from]}`];
    });
  }

  /**
   * Saves the remembered texts.
   * @param isWhole whether all files of the folder were examined
   */
  end(isWhole: boolean): void {
    this.#known?.end(isWhole);
  }
}

/** Text in an image becomes a caption like any other: one line, without control characters. */
const asCaption = (words: string, lines: boolean): string =>
  lines ? readCaption(Buffer.from(words), true).text : oneLine(words);
