/** Small PNG files for tests. */
import { deflateSync } from 'node:zlib';
import { pngChunk } from './png-chunk.ts';

/**
 * A PNG with 8 bits a channel. `pixel` returns RGB for a position. Rows use the filter `filter` (0 none, 1 left, 2 up).
 */
export function png(
  width: number,
  height: number,
  pixel: (x: number, y: number) => readonly [number, number, number],
  filter: 0 | 1 | 2 = 0,
): Buffer {
  const stride = width * 3;
  const plain = new Uint8Array(stride * height);
  for (let y = 0; y < height; y += 1) for (let x = 0; x < width; x += 1) plain.set(pixel(x, y), (y * width + x) * 3);
  const raw = new Uint8Array((stride + 1) * height);
  for (let y = 0; y < height; y += 1) {
    raw[y * (stride + 1)] = filter;
    for (let i = 0; i < stride; i += 1) {
      const at = y * stride + i;
      const before = filter === 1 && i >= 3 ? plain[at - 3] : filter === 2 && y > 0 ? plain[at - stride] : 0;
      raw[y * (stride + 1) + 1 + i] = (plain[at] ?? 0) - (before ?? 0);
    }
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    pngChunk('IHDR', header),
    pngChunk('IDAT', deflateSync(raw)),
    pngChunk('IEND', Buffer.alloc(0)),
  ]);
}
