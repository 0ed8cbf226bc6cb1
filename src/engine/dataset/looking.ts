/**
 * Examines image and caption files one after another: by their stat where the facts are remembered, otherwise by their
 * bytes.
 */
import { closeSync, readSync, type Stats } from 'node:fs';
import { openGivenUnchecked } from '../../base/files/regular-file.ts';
import { statOf } from '../../base/files/stat.ts';
import { CAPTION_LIMIT, type CaptionText, oneLine, readCaption } from './captions.ts';
import { formats, type HeaderResult } from './headers/header-result.ts';
import { readHeader } from './headers/image-header.ts';
import { KnownFiles } from './known/known-files.ts';
import type { Fact } from './known/record.ts';
import { openProblem } from './open.ts';
import type { LeftOut } from './types.ts';
import { windowReader } from './window.ts';

/** Must be raised when a reader of headers or captions finds something else in the same bytes. */
const VERSION = 2;

/** First number of a fact, which says what the fact is about. */
const HEADER = 1;
const UNFIT = 2;
const WORDS = 3;

export class Looking {
  readonly #root: string;
  readonly #known: KnownFiles;

  constructor(root: string, cacheDir: string | null) {
    this.#root = root;
    this.#known = new KnownFiles({ cacheDir, root, kind: 'headers', version: VERSION });
  }

  /** The header of an image, or why it cannot be read, in words that follow its name. */
  image(path: string): HeaderResult {
    const full = `${this.#root}/${path}`;
    const stats = regular(full);
    const known = stats === undefined ? undefined : headerOf(this.#known.find(path, stats));
    if (known !== undefined) return known;
    let file: number;
    try {
      file = openGivenUnchecked(full);
    } catch (error) {
      return { problem: openProblem(path, error) };
    }
    try {
      const header = readHeader(windowReader(file));
      if (stats !== undefined) this.#known.keep(path, stats, factOfHeader(header));
      return header;
    } catch (error) {
      return { problem: `cannot be read: ${(error as Error).message}` };
    } finally {
      closeSync(file);
    }
  }

  /**
   * The caption in a file; an empty text where it cannot be read.
   * @param lines whether its lines stay lines
   */
  caption(path: string, lines: boolean): CaptionText {
    const full = `${this.#root}/${path}`;
    const stats = regular(full);
    const known = stats === undefined ? undefined : wordsOfFact(this.#known.find(path, stats));
    if (known !== undefined) return asLines(known, lines);
    try {
      const file = openGivenUnchecked(full);
      try {
        const read = readSync(file, captionBytes, 0, captionBytes.length, 0);
        const words = readCaption(captionBytes.subarray(0, read), true);
        if (stats !== undefined) this.#known.keep(path, stats, factOfWords(words));
        return asLines(words, lines);
      } finally {
        closeSync(file);
      }
    } catch (error) {
      return { text: '', note: openProblem(path, error) };
    }
  }

  /**
   * Saves the remembered facts.
   * @param isWhole whether all files of the folder were examined
   */
  end(isWhole: boolean): void {
    this.#known.end(isWhole);
  }
}

/**
 * Sizes as pairs. Images of equal size share one pair, which saves memory: most of a million images have one of a few
 * sizes.
 */
export class Sizes {
  readonly #known = new Map<number, readonly [number, number]>();

  of(width: number, height: number): readonly [number, number] {
    const key = width * 2 ** 26 + height;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const size = [width, height] as const;
    if (this.#known.size < MOST_SIZES) this.#known.set(key, size);
    return size;
  }
}

/** Most different sizes that are shared; where every image has a size of its own, sharing saves nothing. */
const MOST_SIZES = 100_000;

/** Least side of an image in pixels; a smaller one is an icon, from which nothing can be learned. */
const LEAST_SIDE = 16;
/** Most pixels of an image. Pillow refuses more as a decompression bomb. */
const MOST_PIXELS = 178_956_970;
/** Greatest ratio of the long side to the short one. A crop of a longer image shows next to nothing. */
const MOST_RATIO = 50;

/** Why an image of that size is left out, as a reason and in words; undefined when it is used. */
export function unfitSize(width: number, height: number): [LeftOut['reason'], string] | undefined {
  const size = `${width}×${height} pixels`;
  if (Math.min(width, height) < LEAST_SIDE) return ['too_small', `is only ${size}`];
  if (width * height > MOST_PIXELS) return ['too_large', `is ${size}, more than is safe to open`];
  if (Math.max(width, height) > MOST_RATIO * Math.min(width, height))
    return ['too_long', `is ${size}, over ${MOST_RATIO} times as long as wide: cut out what matters`];
  return undefined;
}

/**
 * The stat of a plain file, links followed; undefined for anything else, which is then opened to find out what is
 * wrong with it.
 */
function regular(path: string): Stats | undefined {
  const stats = statOf(path);
  return stats?.isFile() === true ? stats : undefined;
}

function headerOf(fact: Fact | undefined): HeaderResult | undefined {
  if (fact === undefined) return undefined;
  const [kind, code, width, height] = fact.numbers;
  if (kind === UNFIT) return { problem: fact.text };
  const format = formats[code];
  return kind === HEADER && format !== undefined ? { format, width, height } : undefined;
}

const factOfHeader = (header: HeaderResult): Fact =>
  'problem' in header
    ? { numbers: [UNFIT, 0, 0, 0], text: header.problem }
    : { numbers: [HEADER, formats.indexOf(header.format), header.width, header.height], text: '' };

/** A caption as a fact. A remark comes first in the text, before a NUL, which no caption holds. */
const factOfWords = ({ text, note }: CaptionText): Fact => ({
  numbers: [WORDS, note === undefined ? 0 : 1, 0, 0],
  text: note === undefined ? text : `${note}\0${text}`,
});

function wordsOfFact(fact: Fact | undefined): CaptionText | undefined {
  if (fact === undefined || fact.numbers[0] !== WORDS) return undefined;
  if (fact.numbers[1] === 0) return { text: fact.text };
  const end = fact.text.indexOf('\0');
  return { text: fact.text.slice(end + 1), note: fact.text.slice(0, end) };
}

/** Captions are remembered with their lines, and joined into one line where lines are not wanted. */
const asLines = (words: CaptionText, lines: boolean): CaptionText =>
  lines ? words : { ...words, text: oneLine(words.text) };

const captionBytes = Buffer.alloc(CAPTION_LIMIT + 1);
