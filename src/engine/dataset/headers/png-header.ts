/** Size and orientation of a PNG: eXIf, XMP, and the profile that ImageMagick writes as text. */
import { constants, inflateSync } from 'node:zlib';
import { exifOrientation, xmpOrientation } from './exif.ts';
import { DAMAGED, type HeaderResult, type ReadAt, turned } from './header-result.ts';

/** Most chunks before the pixels that are read, as protection against hostile files. */
const MOST_CHUNKS = 100;
/** Most bytes of text and EXIF data, packed or unpacked. Larger data is skipped, as Pillow does. */
export const MOST_TEXT = 1 << 20;

/** Whether a chunk of this kind may hold an orientation. */
export const isMetadata = (kind: string) => kind === 'eXIf' || kind === 'tEXt' || kind === 'zTXt' || kind === 'iTXt';

/** Finds the orientation of a PNG in its chunks. If there are two chunks of a kind, the later one counts. */
export class PngMetadata {
  #exif: Buffer | undefined;
  #raw: string | undefined;
  #xmp: string | undefined;
  #found = false;

  /** Whether no chunk that matters was added. */
  get isEmpty(): boolean {
    return !this.#found;
  }

  /**
   * Adds a chunk.
   * @param data content of the chunk, at most MOST_TEXT bytes
   * @returns whether it may rotate the image
   */
  add(kind: string, data: Buffer): boolean {
    if (kind === 'eXIf') this.#exif = Buffer.from(data);
    else {
      const key = KEYS.find((wanted) => data.subarray(0, wanted.length).toString('latin1') === wanted);
      const text = key === undefined ? undefined : textOf(kind, data);
      if (text === undefined) return false;
      if (key !== XMP_KEY) this.#raw = text;
      else if (kind === 'iTXt') this.#xmp = text;
      else return false;
    }
    this.#found = true;
    return true;
  }

  get orientation(): number {
    const exif = this.#exif ?? (this.#raw === undefined ? undefined : fromHex(this.#raw));
    return (
      (exif === undefined ? undefined : exifOrientation(exif)) ??
      (this.#xmp === undefined ? 1 : xmpOrientation(this.#xmp))
    );
  }
}

export function pngHeader(start: Buffer, readAt: ReadAt): HeaderResult {
  if (start.toString('latin1', 12, 16) !== 'IHDR') return DAMAGED;
  const width = start.readUInt32BE(16);
  const height = start.readUInt32BE(20);
  const metadata = new PngMetadata();
  for (let at = 33, chunks = 0; chunks < MOST_CHUNKS; chunks += 1) {
    const head = readAt(at, 8);
    if (head.length < 8) break;
    const length = head.readUInt32BE(0);
    const kind = head.toString('latin1', 4, 8);
    if (kind === 'IDAT' || kind === 'fdAT' || kind === 'IEND') break;
    if (isMetadata(kind) && length <= MOST_TEXT && mayMatter(kind, readAt, at + 8, length))
      metadata.add(kind, readAt(at + 8, length));
    at += 12 + length;
  }
  return turned('png', width, height, metadata.isEmpty ? 1 : metadata.orientation);
}

const XMP_KEY = 'XML:com.adobe.xmp\0';
const KEYS = [XMP_KEY, 'Raw profile type exif\0'];

/**
 * Whether a text chunk may matter. Prompts of generated images can be long, so only the keyword of most texts is read.
 */
function mayMatter(kind: string, readAt: ReadAt, at: number, length: number): boolean {
  if (kind === 'eXIf') return true;
  const key = readAt(at, Math.min(length, 24)).toString('latin1');
  return KEYS.some((wanted) => key.startsWith(wanted));
}

/** Text of a text chunk; undefined when it cannot be unpacked or is too large. */
function textOf(kind: string, data: Buffer): string | undefined {
  let rest = data.subarray(data.indexOf(0) + 1);
  if (kind === 'tEXt') return rest.toString('latin1');
  if (kind === 'zTXt') return rest[0] === 0 ? unpacked(rest.subarray(1)) : undefined;
  const [compressed = 0, method = 0] = rest;
  rest = rest.subarray(2);
  // In an iTXt chunk, the language and the translated keyword come before the text.
  for (let i = 0; i < 2; i += 1) rest = rest.subarray(rest.indexOf(0) + 1);
  if (compressed === 0) return rest.toString('latin1');
  return method === 0 ? unpacked(rest) : undefined;
}

function unpacked(data: Buffer): string | undefined {
  try {
    return inflateSync(data, { maxOutputLength: MOST_TEXT, finishFlush: constants.Z_SYNC_FLUSH }).toString('latin1');
  } catch {
    return undefined;
  }
}

/**
 * Reads ImageMagick's form, `\nexif\n    1234\n4578…`: name, length, lines of hexadecimal digits. Anything else counts
 * as no EXIF.
 */
function fromHex(text: string): Buffer {
  const hex = text
    .split('\n')
    .slice(3)
    .join('')
    .replaceAll(/[ \t\r\f\v]/gu, '');
  return /^(?:[0-9a-f]{2})*$/iu.test(hex) ? Buffer.from(hex, 'hex') : Buffer.from('odd');
}
