/**
 * The 256 colours that show an image best, for sixels: colours are divided where they differ most, at their mean (Wan,
 * Wong, Prusinkiewicz 1988). Pure.
 */
import type { Pixels } from './png.ts';

const MOST_COLOURS = 256;
/** Bits of a channel with which colours are counted: finer differences cannot be seen. */
const BITS = 5;
/** Number of colours that are told apart, each a key of 3 × BITS bits. */
const KEYS = 1 << (3 * BITS);
const CHANNELS = [0, 1, 2] as const;
type Channel = (typeof CHANNELS)[number];

export interface Indexed {
  /** RGB, 3 bytes a colour. The first is the one that the image ends with. */
  readonly palette: Uint8Array;
  /** Index of each pixel's colour in the palette. */
  readonly places: Uint8Array;
}

interface Box {
  readonly colours: readonly number[];
  /** Mean of the widest channel over all pixels of these colours, from 0 to 31. */
  readonly mean: number;
  readonly widest: Channel;
  /** Sum of squared differences from the mean in the widest channel; 0 for a single colour, which cannot be divided. */
  readonly spread: number;
}

export function indexed({ rgb }: Pixels): Indexed {
  const keys = keysOf(rgb);
  const counts = new Uint32Array(KEYS);
  for (const key of keys) counts[key] = (counts[key] ?? 0) + 1;
  let boxes = [
    boxOf(
      Array.from(counts.keys()).filter((key) => counts[key] !== 0),
      counts,
    ),
  ];
  while (boxes.length < MOST_COLOURS) {
    const worst = boxes.reduce((most, box) => (box.spread > most.spread ? box : most));
    if (worst.spread === 0) break;
    boxes = [...boxes.filter((box) => box !== worst), ...halves(worst, counts)];
  }
  // A terminal may fill what is missing in a last row of pixels with the first colour.
  const ends = keys.at(-1) ?? 0;
  boxes.sort((a, b) => Number(b.colours.includes(ends)) - Number(a.colours.includes(ends)));
  const placeOf = new Uint8Array(KEYS);
  for (const [place, { colours }] of boxes.entries()) for (const key of colours) placeOf[key] = place;
  const places = new Uint8Array(keys.length);
  for (let i = 0; i < keys.length; i += 1) places[i] = placeOf[keys[i] ?? 0] ?? 0;
  return { palette: meanColours(rgb, places, boxes.length), places };
}

/** The mean of the pixels at each place, of their whole values: a flat area keeps its colour. */
function meanColours(rgb: Uint8Array, places: Uint8Array, count: number): Uint8Array {
  const [sums, counts] = [new Float64Array(count * 3), new Uint32Array(count)];
  for (let i = 0; i < places.length; i += 1) {
    const place = places[i] ?? 0;
    counts[place] = (counts[place] ?? 0) + 1;
    for (const c of CHANNELS) sums[place * 3 + c] = (sums[place * 3 + c] ?? 0) + (rgb[i * 3 + c] ?? 0);
  }
  return Uint8Array.from(sums, (sum, i) => Math.round(sum / Math.max(1, counts[Math.floor(i / 3)] ?? 0)));
}

function keysOf(rgb: Uint8Array): Uint16Array {
  const keys = new Uint16Array(rgb.length / 3);
  const shift = 8 - BITS;
  for (let i = 0; i < keys.length; i += 1) {
    const high = (c: Channel) => (rgb[i * 3 + c] ?? 0) >> shift;
    keys[i] = (high(0) << (2 * BITS)) | (high(1) << BITS) | high(2);
  }
  return keys;
}

const channel = (key: number, c: Channel) => (key >> ((2 - c) * BITS)) & ((1 << BITS) - 1);

function boxOf(colours: readonly number[], counts: Uint32Array): Box {
  let count = 0;
  const [sums, squares] = [new Float64Array(3), new Float64Array(3)];
  for (const key of colours) {
    const times = counts[key] ?? 0;
    count += times;
    for (const c of CHANNELS) {
      const value = channel(key, c);
      sums[c] = (sums[c] ?? 0) + times * value;
      squares[c] = (squares[c] ?? 0) + times * value * value;
    }
  }
  const means = Array.from(sums, (sum) => sum / Math.max(1, count));
  const spreads = CHANNELS.map((c) => (squares[c] ?? 0) - (sums[c] ?? 0) * (means[c] ?? 0));
  const widest = CHANNELS.reduce((best, c) => ((spreads[c] ?? 0) > (spreads[best] ?? 0) ? c : best));
  return { colours, mean: means[widest] ?? 0, widest, spread: colours.length < 2 ? 0 : (spreads[widest] ?? 0) };
}

/** The two boxes that come from dividing one at the mean of its widest channel. Each has a colour at least. */
function halves({ colours, mean, widest }: Box, counts: Uint32Array): Box[] {
  const parts = [true, false].map((below) => colours.filter((key) => channel(key, widest) <= mean === below));
  return parts.map((part) => boxOf(part, counts));
}
