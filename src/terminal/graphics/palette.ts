/** The 256 colours that show an image best, by median cut (Heckbert 1982), for sixels. Pure. */
import type { Pixels } from './png.ts';

const MOST_COLOURS = 256;
/** Bits of a channel with which colours are counted: finer differences cannot be seen. */
const BITS = 5;

export interface Indexed {
  /** RGB, 3 bytes a colour. */
  readonly palette: Uint8Array;
  /** Index of each pixel's colour in the palette. */
  readonly places: Uint8Array;
}

interface Box {
  readonly colours: readonly number[];
  readonly count: number;
}

export function indexed({ rgb }: Pixels): Indexed {
  const keys = keysOf(rgb);
  const counts = new Map<number, number>();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  let boxes: Box[] = [
    boxOf(
      [...counts.keys()].sort((a, b) => a - b),
      counts,
    ),
  ];
  while (boxes.length < MOST_COLOURS) {
    const fullest = boxes.reduce((most, box) => (worth(box) > worth(most) ? box : most));
    if (worth(fullest) === 0) break;
    boxes = [...boxes.filter((box) => box !== fullest), ...halves(fullest, counts)];
  }
  const palette = new Uint8Array(boxes.length * 3);
  const placeOf = new Map<number, number>();
  for (const [place, { colours, count }] of boxes.entries()) {
    for (const key of colours) placeOf.set(key, place);
    const mean = (c: number) =>
      colours.reduce((sum, key) => sum + channel(key, c) * (counts.get(key) ?? 0), 0) / Math.max(1, count);
    // Counted values are scaled back to 0–255 so that black and white stay exact.
    for (const c of [0, 1, 2]) palette[place * 3 + c] = Math.round((mean(c) * 255) / ((1 << BITS) - 1));
  }
  return { palette, places: Uint8Array.from(keys, (key) => placeOf.get(key) ?? 0) };
}

function keysOf(rgb: Uint8Array): Uint16Array {
  const keys = new Uint16Array(rgb.length / 3);
  const shift = 8 - BITS;
  for (let i = 0; i < keys.length; i += 1) {
    const [r = 0, g = 0, b = 0] = rgb.subarray(i * 3, i * 3 + 3);
    keys[i] = ((r >> shift) << (2 * BITS)) | ((g >> shift) << BITS) | (b >> shift);
  }
  return keys;
}

const channel = (key: number, c: number) => (key >> ((2 - c) * BITS)) & ((1 << BITS) - 1);

function boxOf(colours: readonly number[], counts: ReadonlyMap<number, number>): Box {
  return { colours, count: colours.reduce((sum, key) => sum + (counts.get(key) ?? 0), 0) };
}

/** Which box is divided next: the one with most pixels. A box of one colour cannot be divided. */
const worth = ({ colours, count }: Box) => (colours.length < 2 ? 0 : count);

/** The two boxes that come from dividing one at the median of its widest channel. */
function halves({ colours, count }: Box, counts: ReadonlyMap<number, number>): Box[] {
  const spread = (c: number) => {
    const values = colours.map((key) => channel(key, c));
    return Math.max(...values) - Math.min(...values);
  };
  const widest = [0, 1, 2].reduce((best, c) => (spread(c) > spread(best) ? c : best), 0);
  const sorted = [...colours].sort((a, b) => channel(a, widest) - channel(b, widest) || a - b);
  let [at, seen] = [0, 0];
  while (at < sorted.length - 1 && seen * 2 < count) {
    seen += counts.get(sorted[at] ?? 0) ?? 0;
    at += 1;
  }
  const middle = Math.max(1, Math.min(at, sorted.length - 1));
  return [boxOf(sorted.slice(0, middle), counts), boxOf(sorted.slice(middle), counts)];
}
