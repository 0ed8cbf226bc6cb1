/**
 * Looks at one image or caption file after the other: at its stat only where what it says is remembered, else at its
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
import { windowReader } from './window.ts';

/** To be raised when a reader of headers or of captions finds something else in the same bytes. */
const VERSION = 1;

/** The first number of a fact. */
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

  /** What the header of an image says, or why it cannot be read, in words that follow its name. */
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
   * What a caption file says; an empty text where it cannot be read.
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

  /** @param isWhole whether all files of the folder were looked at */
  end(isWhole: boolean): void {
    this.#known.end(isWhole);
  }
}

/** Sizes as pairs, one for all images of the same size: of a million images most have one of a few. */
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

/** The stat of a plain file, links followed. Anything else is opened, and then told what is wrong with it. */
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

/** A text with a remark holds the remark first; no caption holds a NUL. */
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

/** Captions are remembered with their lines; as one line they are what one would have read at once. */
const asLines = (words: CaptionText, lines: boolean): CaptionText =>
  lines ? words : { ...words, text: oneLine(words.text) };

const captionBytes = Buffer.alloc(CAPTION_LIMIT + 1);
