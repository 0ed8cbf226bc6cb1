import type { HeaderResult, ReadAt } from './header-result.ts';

/** Bytes of the header and of the screen's description; what stands behind them is a palette, if the flags say so. */
const SCREEN = 13;
/** Most bytes before the first frame: comments and settings of programs. A file with more is read by its screen alone. */
const MOST_BEFORE = 4 << 20;
const [EXTENSION, FRAME, COMMENT] = [0x21, 0x2c, 0xfe];

/**
 * The size of a GIF as Pillow reads it: that of the screen, and where the first frame reaches further, that of both
 * together.
 */
export function gifHeader(b: Buffer, readAt: ReadAt): HeaderResult {
  const [width, height, flags] = [b.readUInt16LE(6), b.readUInt16LE(8), b[10] ?? 0];
  const frame = firstFrame(readAt, SCREEN + ((flags & 0x80) === 0 ? 0 : 3 << ((flags & 7) + 1)));
  if (frame === undefined) return { format: 'gif', width, height };
  const [x, y, w, h] = [0, 2, 4, 6].map((at) => frame.readUInt16LE(at)) as [number, number, number, number];
  return { format: 'gif', width: Math.max(width, x + w), height: Math.max(height, y + h) };
}

/** Place and size of the first frame; undefined where there is none, or too much before it. */
function firstFrame(readAt: ReadAt, from: number): Buffer | undefined {
  let at = from;
  const byte = () => readAt(at++, 1)[0];
  /** Passes over a block, and returns whether it held anything. */
  const block = () => {
    const length = byte() ?? 0;
    at += length;
    return length > 0;
  };
  while (at < MOST_BEFORE) {
    const mark = byte();
    if (mark === undefined || mark === 0x3b) return undefined;
    if (mark === FRAME) {
      const frame = readAt(at, 8);
      return frame.length < 8 ? undefined : frame;
    }
    if (mark !== EXTENSION) continue;
    const label = byte();
    // Pillow takes what follows an empty block for one more, but for comments.
    if (!block() && label === COMMENT) continue;
    while (at < MOST_BEFORE && block());
  }
  return undefined;
}
