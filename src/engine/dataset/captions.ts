/** Caption files beside pictures: how they are read. */
import { isUtf8 } from 'node:buffer';

export interface CaptionText {
  /** One line, without control characters; empty when the file says nothing. */
  readonly text: string;
  /** Said of the file when something about it is odd. */
  readonly note?: string;
}

/** No caption is near this; a file that is was put there by mistake. */
export const CAPTION_LIMIT = 65_536;

const utf16le = new TextDecoder('utf-16le');
const utf16be = new TextDecoder('utf-16be');
const windows1252 = new TextDecoder('windows-1252');

/** Decodes a caption file: UTF-8 with or without a mark, UTF-16 with one, else Windows-1252. */
export function readCaption(bytes: Buffer): CaptionText {
  if (bytes.length > CAPTION_LIMIT) return { text: '', note: 'is too long for a caption and is not used' };
  const decoded = decode(bytes);
  if (decoded.text.includes('\0')) return { text: '', note: 'is not text and is not used' };
  return { ...decoded, text: oneLine(decoded.text) };
}

function decode(bytes: Buffer): CaptionText {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return { text: utf16le.decode(bytes) };
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return { text: utf16be.decode(bytes) };
  // A byte order mark counts as white space, which goes in the end.
  if (isUtf8(bytes)) return { text: bytes.toString('utf8') };
  return { text: windows1252.decode(bytes), note: 'is not UTF-8; it was read as Windows-1252' };
}

/** Lines and runs of white space become single spaces: a prompt has no lines. */
export function oneLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is replaced
  return text.replaceAll(/[\s\u0000-\u001f\u007f-\u009f]+/gu, ' ').trim();
}
