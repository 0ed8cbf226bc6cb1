import type { Pixels } from './png.ts';

/**
 * Resizes an image: each new pixel is the mean of the pixels it covers. An enlarged image repeats its pixels.
 * @returns RGB values row by row, 3 bytes a pixel
 */
export function resize({ width, height, rgb }: Pixels, toWidth: number, toHeight: number): Uint8Array {
  const out = new Uint8Array(toWidth * toHeight * 3);
  for (let y = 0; y < toHeight; y += 1) {
    const top = Math.floor((y * height) / toHeight);
    const bottom = Math.max(top + 1, Math.floor(((y + 1) * height) / toHeight));
    for (let x = 0; x < toWidth; x += 1) {
      const left = Math.floor((x * width) / toWidth);
      const right = Math.max(left + 1, Math.floor(((x + 1) * width) / toWidth));
      const sum = [0, 0, 0];
      for (let v = top; v < bottom; v += 1)
        for (let u = left; u < right; u += 1)
          for (let c = 0; c < 3; c += 1) sum[c] = (sum[c] ?? 0) + (rgb[(v * width + u) * 3 + c] ?? 0);
      const count = (bottom - top) * (right - left);
      for (let c = 0; c < 3; c += 1) out[(y * toWidth + x) * 3 + c] = Math.round((sum[c] ?? 0) / count);
    }
  }
  return out;
}
