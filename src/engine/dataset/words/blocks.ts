/**
 * Finds the blocks of an image file that may hold text: EXIF, XMP, and the text chunks of a PNG. Pixels are not
 * decoded.
 */
import { constants, inflateSync } from 'node:zlib';
import type { ReadAt } from '../headers/header-result.ts';
import { heifBlocks } from './heif-blocks.ts';
import type { TextBlock } from './text-block.ts';

/**
 * Most bytes of a block, packed or unpacked, and most chunks or segments that are followed, as protection against
 * hostile files.
 */
const MOST_BYTES = 1 << 20;
const MOST_PARTS = 4096;
/** Most blocks of text. A file with more is made to waste time. */
const MOST_BLOCKS = 64;

/**
 * Finds the blocks.
 * @returns the blocks in the order of the file; none for a format that has none
 */
export function textBlocks(readAt: ReadAt): readonly TextBlock[] {
  const start = Buffer.from(readAt(0, 12));
  const mark = start.toString('latin1');
  const parts = mark.startsWith('\x89PNG')
    ? pngBlocks(readAt)
    : mark.startsWith('\xff\xd8')
      ? jpegBlocks(readAt)
      : mark.startsWith('RIFF') && mark.endsWith('WEBP')
        ? webpBlocks(readAt)
        : /^(?:II\*\0|MM\0\*)/u.test(mark)
          ? [{ kind: 'exif', bytes: Buffer.from(readAt(0, MOST_BYTES)), latin: true }]
          : mark.startsWith('ftyp', 4)
            ? heifBlocks(readAt, MOST_BYTES)
            : [];
  const blocks: TextBlock[] = [];
  for (const block of parts) {
    blocks.push(block);
    if (blocks.length >= MOST_BLOCKS) break;
  }
  return blocks;
}

function* pngBlocks(readAt: ReadAt): Generator<TextBlock> {
  for (let at = 8, parts = 0; parts < MOST_PARTS; parts += 1) {
    const head = readAt(at, 8);
    if (head.length < 8) return;
    const length = head.readUInt32BE(0);
    const kind = head.toString('latin1', 4, 8);
    if (kind === 'IEND') return;
    if (length <= MOST_BYTES && /^(eXIf|tEXt|zTXt|iTXt)$/u.test(kind)) {
      const data = Buffer.from(readAt(at + 8, length));
      const block = kind === 'eXIf' ? { kind: 'exif', bytes: data, latin: true } : pngText(kind, data);
      if (block !== undefined) yield block;
    }
    at += 12 + length;
  }
}

function pngText(kind: string, data: Buffer): TextBlock | undefined {
  const end = data.indexOf(0);
  if (end < 1 || end > 79) return undefined;
  const key = data.toString('latin1', 0, end);
  const rest = data.subarray(end + 1);
  if (kind === 'tEXt') return { kind: key, bytes: rest, latin: true };
  if (kind === 'zTXt') return whole(key, rest[0] === 0 ? unpacked(rest.subarray(1)) : undefined, true);
  const [compressed = 0, method = 0] = rest;
  let text = rest.subarray(2);
  // In an iTXt chunk, the language and the translated keyword come before the text.
  for (let i = 0; i < 2; i += 1) text = text.subarray(text.indexOf(0) + 1);
  const name = key === 'XML:com.adobe.xmp' ? 'xmp' : key;
  return whole(name, compressed === 0 ? text : method === 0 ? unpacked(text) : undefined, false);
}

const whole = (kind: string, bytes: Buffer | undefined, latin: boolean): TextBlock | undefined =>
  bytes === undefined ? undefined : { kind, bytes, latin };

function unpacked(data: Buffer): Buffer | undefined {
  try {
    return inflateSync(data, { maxOutputLength: MOST_BYTES, finishFlush: constants.Z_SYNC_FLUSH });
  } catch {
    return undefined;
  }
}

const XMP = 'http://ns.adobe.com/xap/1.0/\0';

function* jpegBlocks(readAt: ReadAt): Generator<TextBlock> {
  for (let at = 2, parts = 0; parts < MOST_PARTS; parts += 1) {
    const head = readAt(at, 4);
    if (head.length < 4 || head[0] !== 0xff) return;
    const marker = head[1] ?? 0;
    if (marker === 0xff) {
      at += 1;
      continue;
    }
    const length = head.readUInt16BE(2);
    // Pixels follow after the start of the scan.
    if (marker === 0xda || marker === 0xd9 || length < 2) return;
    const data = marker === 0xe1 || marker === 0xfe ? Buffer.from(readAt(at + 4, length - 2)) : undefined;
    if (marker === 0xfe && data !== undefined) yield { kind: 'Comment', bytes: data, latin: false };
    else if (data?.toString('latin1', 0, 6) === 'Exif\0\0')
      yield { kind: 'exif', bytes: data.subarray(6), latin: true };
    else if (data?.toString('latin1', 0, XMP.length) === XMP)
      yield { kind: 'xmp', bytes: data.subarray(XMP.length), latin: false };
    at += 2 + length;
  }
}

function* webpBlocks(readAt: ReadAt): Generator<TextBlock> {
  for (let at = 12, parts = 0; parts < MOST_PARTS; parts += 1) {
    const head = readAt(at, 8);
    if (head.length < 8) return;
    const length = head.readUInt32LE(4);
    const name = head.toString('latin1', 0, 4);
    if (length <= MOST_BYTES && (name === 'EXIF' || name === 'XMP ')) {
      const data = Buffer.from(readAt(at + 8, length));
      const inner = data.toString('latin1', 0, 6) === 'Exif\0\0' ? data.subarray(6) : data;
      yield { kind: name === 'EXIF' ? 'exif' : 'xmp', bytes: inner, latin: name === 'EXIF' };
    }
    at += 8 + length + (length & 1);
  }
}
