/** Decodes captions in the forms in which people keep them. Pure. */
import { isUtf8 } from 'node:buffer';
import { booruTags } from './words/booru.ts';

export interface CaptionText {
  /**
   * One line without control characters, or several lines where `lines` asked for them; empty when the file holds no
   * caption.
   */
  readonly text: string;
  /** A remark, when something about the file is odd. */
  readonly note?: string;
}

/** Most bytes of a caption file. No caption comes near it; a larger file was put there by mistake. */
export const CAPTION_LIMIT = 65_536;

const utf16le = new TextDecoder('utf-16le');
const utf16be = new TextDecoder('utf-16be');
const windows1252 = new TextDecoder('windows-1252');

/**
 * Decodes a caption file: UTF-8 with or without a byte order mark, UTF-16 with one, else Windows-1252. When the file is
 * JSON, only its caption is taken: brackets and keys must never be trained on.
 * @param lines whether lines stay lines, because each is a caption of its own
 */
export function readCaption(bytes: Buffer, lines = false): CaptionText {
  const oneText = lines ? ownLines : oneLine;
  if (bytes.length > CAPTION_LIMIT) return { text: '', note: 'is too long for a caption and is not used' };
  const decoded = decodeCaption(bytes);
  if (decoded.text.includes('\0')) return { text: '', note: 'is not text and is not used' };
  const json = parseJson(decoded.text);
  if (json === undefined) return { ...decoded, text: oneText(decoded.text) };
  const words = wordsOf(json);
  if (words === undefined)
    return { text: '', note: `is JSON without a caption (${WORD_KEYS.join(', ')}) and is not used` };
  return { ...decoded, text: oneText(words) };
}

/** Keys that may hold a caption, in the order in which they are tried. */
export const WORD_KEYS = ['caption', 'text', 'prompt', 'tags'] as const;

/**
 * The caption in a JSON value as other tools write it: the value of one of WORD_KEYS, a list of tags, or the tags of a
 * booru's post.
 */
export function wordsOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (Array.isArray(value))
    return value.length > 0 && value.every((tag) => typeof tag === 'string') ? value.join(', ') : undefined;
  if (typeof value !== 'object' || value === null) return undefined;
  const values = value as Readonly<Record<string, unknown>>;
  for (const key of WORD_KEYS) {
    const tags = key === 'tags' ? booruTags(values) : undefined;
    if (tags !== undefined) return tags;
    const inner: unknown = Object.hasOwn(values, key) ? values[key] : undefined;
    const words = typeof inner === 'string' || Array.isArray(inner) ? wordsOf(inner) : undefined;
    if (words !== undefined && words.trim() !== '') return words;
  }
  return undefined;
}

/**
 * The JSON object or list in a text; undefined for everything else, since a caption may be a number or begin with a
 * bracket.
 */
function parseJson(text: string): unknown {
  if (!/^\s*[[{]/u.test(text)) return undefined;
  try {
    return JSON.parse(text.replace(/^\ufeff/u, ''));
  } catch {
    return undefined;
  }
}

export function decodeCaption(bytes: Buffer): CaptionText {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return { text: utf16le.decode(bytes) };
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return { text: utf16be.decode(bytes) };
  // The byte order mark counts as white space, which is trimmed afterwards.
  if (isUtf8(bytes)) return { text: bytes.toString('utf8') };
  return { text: windows1252.decode(bytes), note: 'is not UTF-8; it was read as Windows-1252' };
}

/** The lines that are not empty, each cleaned as one line. */
const ownLines = (text: string): string =>
  text
    .split(/\r\n|[\n\r\u2028\u2029]/u)
    .map(oneLine)
    .filter((line) => line !== '')
    .join('\n');

/** Turns lines and runs of white space into single spaces, because a prompt has no lines. */
export function oneLine(text: string): string {
  // Trimmed at first, because a text that is trimmed at last keeps the longer one in memory as long as itself.
  const inner = text.trim();
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are to be replaced
  return inner.replaceAll(/[\s\u0000-\u001f\u007f-\u009f]+/gu, ' ').trim();
}
