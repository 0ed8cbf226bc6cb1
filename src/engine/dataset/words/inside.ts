/**
 * Finds the caption that an image file itself holds: the prompt from which it was generated, else a description in
 * XMP, EXIF or a PNG text.
 */
import { type ExifLayout, readDirectory, tiffLayout } from '../headers/exif.ts';
import type { ReadAt } from '../headers/header-result.ts';
import { textBlocks } from './blocks.ts';
import { isParameters, promptWords } from './prompt.ts';
import type { TextBlock } from './text-block.ts';

const DESCRIPTION = 0x010e;
const EXIF_FOLDER = 0x8769;
const USER_COMMENT = 0x9286;
/** EXIF tags that Windows Explorer writes, in UTF-16: title, comment, subject. */
const WINDOWS = [0x9c9b, 0x9c9c, 0x9c9f] as const;
/** PNG keywords for a description: registered ones, which image generators use too. */
const KEYS = ['Description', 'Title', 'Comment'];
/** Texts that cameras and programs write in place of a description. */
const EMPTY_WORDS =
  /^(?:olympus digital camera|sony dsc|dcim|dji|default|screenshot|samsung|kodak digital still camera|minolta digital camera|ascii|unicode|charset=\S+|created with\b.*|software:.*|file source:.*|cs?rea?tor:.*)?$/iu;
/** Most characters of text in which a caption is looked for. */
const MOST_LETTERS = 20_000;

/** The caption inside an image, with its lines; undefined where there is none. */
export function wordsInside(readAt: ReadAt): string | undefined {
  const found = textBlocks(readAt).flatMap((block) => textsOf(block));
  const drawn = found.find(({ key, text }) => key === 'parameters' || isParameters(text));
  const words = drawn === undefined ? undefined : promptWords(drawn.text);
  if (words !== undefined && words !== '') return words.slice(0, MOST_LETTERS);
  for (const wanted of ['xmp', 'exif', ...KEYS]) {
    const text = found.find(({ key, text }) => key === wanted && isCaption(text))?.text.trim();
    if (text !== undefined) return text.slice(0, MOST_LETTERS);
  }
  return undefined;
}

interface Text {
  /** `xmp`, `exif`, or the keyword of a PNG text. */
  readonly key: string;
  readonly text: string;
}

/**
 * Whether a text can be a caption: not empty, not written by a camera, and no program data such as a workflow graph.
 */
function isCaption(text: string): boolean {
  const trimmed = text.trim();
  if (trimmed.length > MOST_LETTERS || EMPTY_WORDS.test(trimmed) || !/\p{L}{2}/u.test(trimmed)) return false;
  if (trimmed.includes('\0') || trimmed.includes('\ufffd')) return false;
  return !/^[[{<]/u.test(trimmed);
}

function textsOf({ kind, bytes, latin }: TextBlock): readonly Text[] {
  if (kind === 'exif') return exifTexts(bytes).map((text) => ({ key: 'exif', text }));
  const text = latin ? latinText(bytes) : bytes.toString('utf8');
  return kind === 'xmp' ? xmpTexts(text) : [{ key: kind, text }];
}

/** Text that is declared as Latin-1, although programs write UTF-8 there too. */
function latinText(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  return text.includes('\ufffd') ? bytes.toString('latin1') : text;
}

/** The texts of `dc:description`, and of `dc:title`, which Lightroom and others write. */
function xmpTexts(xmp: string): readonly Text[] {
  return ['dc:description', 'dc:title', 'exif:UserComment'].flatMap((name) => {
    const inner = new RegExp(`<${name}[^>]{0,500}>([\\s\\S]{0,60000}?)</${name}>`, 'u').exec(xmp)?.[1] ?? '';
    const item = /<rdf:li[^>]{0,500}>([\s\S]*?)<\/rdf:li>/u.exec(inner)?.[1];
    const attribute = new RegExp(`\\s${name}="([^"]{1,20000})"`, 'u').exec(xmp)?.[1];
    const text = item ?? attribute;
    return text === undefined ? [] : [{ key: 'xmp', text: unescaped(text) }];
  });
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

const unescaped = (text: string): string =>
  text.replaceAll(/&(?:(amp|lt|gt|quot|apos)|#(\d{1,7})|#x([0-9a-f]{1,6}));/giu, (whole, name, digits, hex) => {
    if (name !== undefined) return ENTITIES[String(name).toLowerCase()] ?? whole;
    const code = digits === undefined ? Number.parseInt(hex, 16) : Number(digits);
    return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });

function exifTexts(exif: Buffer): readonly string[] {
  const layout = exif.length < 8 ? undefined : tiffLayout(exif);
  if (layout === undefined || layout.big) return [];
  const sized: ExifLayout = { ...layout, size: exif.length };
  const readAt: ReadAt = (from, length) => exif.subarray(from, from + length);
  const number = (at: number) => (layout.little ? exif.readUInt32LE(at) : exif.readUInt32BE(at));
  const wanted = new Set([DESCRIPTION, EXIF_FOLDER, USER_COMMENT, ...WINDOWS]);
  const main = readDirectory(readAt, number(4), sized, wanted);
  const [folder] = main.get(EXIF_FOLDER)?.values ?? [];
  const inner = folder === undefined ? undefined : readDirectory(readAt, folder, sized, wanted);
  const bytesOf = (tag: number) => {
    const found = inner?.get(tag) ?? main.get(tag);
    if (found === undefined) return undefined;
    const { offset, count, values } = found;
    return offset === undefined
      ? Buffer.from(values.map((value) => value & 0xff))
      : exif.subarray(offset, offset + count);
  };
  const comment = bytesOf(USER_COMMENT);
  const description = bytesOf(DESCRIPTION);
  return [
    ...(comment === undefined ? [] : [userComment(comment, layout.little)]),
    ...(description === undefined ? [] : [latinText(description)]),
    ...WINDOWS.flatMap((tag) => bytesOf(tag)?.toString('utf16le') ?? []),
  ].map((text) => text.replaceAll(/\0+$/gu, ''));
}

/** The text of an EXIF user comment. Its first eight bytes name the encoding. UTF-16 occurs in both byte orders. */
function userComment(bytes: Buffer, little: boolean): string {
  const code = bytes.toString('latin1', 0, 8);
  const text = bytes.subarray(8);
  if (code !== 'UNICODE\0') return latinText(code === 'ASCII\0\0\0' || code === '\0'.repeat(8) ? text : bytes);
  const even = text.subarray(0, text.length & ~1);
  const asLittle = new TextDecoder('utf-16le').decode(even);
  const asBig = new TextDecoder('utf-16be').decode(even);
  const plain = (words: string) => (words.match(/[\u0020-\u007e]/gu) ?? []).length;
  const [a, b] = [plain(asLittle), plain(asBig)];
  return (a === b ? little : a > b) ? asLittle : asBig;
}
