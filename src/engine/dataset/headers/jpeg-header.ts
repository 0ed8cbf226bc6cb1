/** Size and orientation of a JPEG. EXIF, colour profiles and thumbnails before the frame header can take megabytes. */
import { exifOrientation, xmpOrientation } from './exif.ts';
import { CUT, DAMAGED, type HeaderResult, type ReadAt, turned } from './header-result.ts';

/** Most bytes of junk (such as fill bytes) between all segments together; encoders write few. */
const MOST_JUNK = 1 << 20;
/** Most segments that are followed; a depth map in XMP needs a thousand. */
const MOST_SEGMENTS = 8192;
/** Bytes that are read at once while junk is skipped. */
const PIECE = 4096;

interface Found {
  size: readonly [number, number] | undefined;
  readonly exif: Buffer[];
  xmp: string | undefined;
}

export function jpegHeader(readAt: ReadAt): HeaderResult {
  const found: Found = { size: undefined, exif: [], xmp: undefined };
  let junk = 0;
  let at = 2;
  if (readAt(2, 1).length === 0) return CUT;
  if (readAt(2, 1)[0] !== 0xff) return DAMAGED;
  for (let segments = 0; segments < MOST_SEGMENTS; segments += 1) {
    const mark = nextMarker(readAt, at, MOST_JUNK - junk);
    if (mark === 'cut') return CUT;
    if (mark === 'junk') return DAMAGED;
    junk += mark.at - at;
    const { marker } = mark;
    at = mark.at + 2;
    if (marker < 0xc0) return DAMAGED;
    if (standsAlone(marker)) continue;
    const head = readAt(at, 2);
    if (head.length < 2) return CUT;
    const length = head.readUInt16BE(0);
    if (length < 2) return DAMAGED;
    if (marker === 0xda) return finish(found);
    const problem = readSegment(readAt, at + 2, { marker, length: length - 2 }, found);
    if (problem !== undefined) return problem;
    at += length;
  }
  return DAMAGED;
}

/** Finds the next 0xFF with a marker behind it. Escaped and repeated 0xFF count as junk, as in decoders. */
function nextMarker(readAt: ReadAt, from: number, room: number): { at: number; marker: number } | 'cut' | 'junk' {
  let at = from;
  // The marker is usually at the first position, so only two bytes are read at first.
  for (let length = 2; at - from <= room; length = PIECE) {
    const piece = readAt(at, length);
    if (piece.length < 2) return 'cut';
    for (let i = 0; i + 1 < piece.length; i += 1) {
      const marker = piece[i + 1] ?? 0;
      if (piece[i] === 0xff && marker !== 0xff && marker !== 0) return { at: at + i, marker };
    }
    at += piece.length - 1;
  }
  return 'junk';
}

/** Markers without a length, as in Pillow: restart marks, begin, end, and those for extensions. */
const standsAlone = (marker: number) =>
  marker === 0xc8 || (marker >= 0xd0 && marker <= 0xd9) || (marker >= 0xf0 && marker <= 0xfd);

const isFrame = (marker: number) => marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xcc;

/**
 * Reads one segment.
 * @returns what is wrong with it
 */
function readSegment(
  readAt: ReadAt,
  at: number,
  { marker, length }: { marker: number; length: number },
  found: Found,
): HeaderResult | undefined {
  if (isFrame(marker)) {
    const frame = readAt(at, 6);
    if (frame.length < 6) return CUT;
    const [bits = 0, layers = 0] = [frame[0], frame[5]];
    if (bits !== 8 || ![1, 3, 4].includes(layers))
      return { problem: `is a JPEG of ${layers} × ${bits} bits, which cannot be read: convert it to PNG` };
    found.size = [frame.readUInt16BE(3), frame.readUInt16BE(1)];
  } else if (marker === 0xe1) {
    const segment = readAt(at, length);
    const name = segment.toString('latin1', 0, 29);
    if (name.startsWith('Exif\0\0')) found.exif.push(Buffer.from(segment.subarray(found.exif.length === 0 ? 0 : 6)));
    else if (name === 'http://ns.adobe.com/xap/1.0/\0') found.xmp = segment.toString('latin1', 29);
  }
  return undefined;
}

function finish({ size, exif, xmp }: Found): HeaderResult {
  if (size === undefined) return DAMAGED;
  const [first] = exif;
  const fromExif = first === undefined ? undefined : exifOrientation(exif.length === 1 ? first : Buffer.concat(exif));
  return turned('jpeg', size[0], size[1], fromExif ?? (xmp === undefined ? 1 : xmpOrientation(xmp)));
}
