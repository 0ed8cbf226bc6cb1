/** Groups images that are nearly the same: scaled, recompressed, slightly cropped or retouched copies. Pure. */

/** The features by which images are compared, both of fixed length in hex digits. */
export interface Fingerprint {
  /** 64 bits of ImageHash's pHash. */
  readonly phash: string;
  /** The image in 4×4 RGB pixels. */
  readonly colours: string;
}

export interface NearDuplicate {
  /** Index of the first image of its group. */
  readonly first: number;
  /** Number of differing bits of the 64. */
  readonly bits: number;
}

/**
 * Most differing bits of 64. 10 is the default of the library imagededup for the same hash. Measured here on 19
 * images: JPEG of quality 40 and half the size change 0 to 4 bits, 2 % cropped off each side 2 to 12.
 */
export const MOST_BITS = 10;
/**
 * Largest mean difference of the 4×4 colours in levels of 256. The hash ignores colour: without this limit a
 * recoloured drawing would count as a copy. Recompressing and scaling change less than 2 levels.
 */
export const MOST_COLOUR = 12;

/**
 * For each image that is nearly the same as an earlier one, that earlier one. A group consists of images near its
 * first image, so that a chain of small changes does not put all frames of a film into one group.
 * @param prints one for each image; undefined for images that are not compared
 */
export function nearDuplicates(prints: readonly (Fingerprint | undefined)[]): ReadonlyMap<number, NearDuplicate> {
  const index = new BandIndex();
  const found = new Map<number, NearDuplicate>();
  for (const [at, print] of prints.entries()) {
    if (print === undefined) continue;
    const near = index.nearest(print);
    if (near === undefined) index.add(print, at);
    else found.set(at, near);
  }
  return found;
}

interface Leader {
  readonly at: number;
  readonly high: number;
  readonly low: number;
  readonly colours: Buffer;
}

/**
 * Number of bands of a hash. Two hashes with at most 10 differing bits of 64 have at most 2 in one of the four bands.
 */
const BANDS = 4;
const BAND_BITS = 16;
const BAND_MOST = Math.floor(MOST_BITS / BANDS);

/** All numbers of 16 bits with at most `BAND_MOST` ones. */
const CHANGES: readonly number[] = Array.from({ length: 1 << BAND_BITS }, (_, i) => i).filter(
  (i) => ones(i) <= BAND_MOST,
);
/** With fewer leaders than this, comparing with all of them is faster. */
const FEW = 2_000;

class BandIndex {
  readonly #all: Leader[] = [];
  readonly #bands = Array.from({ length: BANDS }, () => new Map<number, Leader[]>());

  add(print: Fingerprint, at: number): void {
    const leader = leaderOf(print, at);
    this.#all.push(leader);
    for (const [band, value] of bandsOf(leader).entries()) {
      const inside = this.#bands[band]?.get(value);
      if (inside === undefined) this.#bands[band]?.set(value, [leader]);
      else inside.push(leader);
    }
  }

  /** The leader with the fewest differing bits; the first one of several. */
  nearest(print: Fingerprint): NearDuplicate | undefined {
    const wanted = leaderOf(print, -1);
    let best: { leader: Leader; bits: number } | undefined;
    for (const leader of this.#all.length <= FEW ? this.#all : this.#candidates(wanted)) {
      const bits = ones(leader.high ^ wanted.high) + ones(leader.low ^ wanted.low);
      if (bits > MOST_BITS || colourDifference(leader.colours, wanted.colours) > MOST_COLOUR) continue;
      if (best === undefined || bits < best.bits || (bits === best.bits && leader.at < best.leader.at))
        best = { leader, bits };
    }
    return best === undefined ? undefined : { first: best.leader.at, bits: best.bits };
  }

  *#candidates(wanted: Leader): Iterable<Leader> {
    for (const [band, value] of bandsOf(wanted).entries())
      for (const change of CHANGES) yield* this.#bands[band]?.get(value ^ change) ?? [];
  }
}

const leaderOf = ({ phash, colours }: Fingerprint, at: number): Leader => ({
  at,
  high: Number.parseInt(phash.slice(0, 8), 16) | 0,
  low: Number.parseInt(phash.slice(8), 16) | 0,
  colours: Buffer.from(colours, 'hex'),
});

const bandsOf = ({ high, low }: Leader): readonly number[] => [high >>> 16, high & 0xffff, low >>> 16, low & 0xffff];

function colourDifference(a: Buffer, b: Buffer): number {
  let sum = 0;
  for (let i = 0; i < a.length; i += 1) sum += Math.abs((a[i] ?? 0) - (b[i] ?? 0));
  return sum / Math.max(1, a.length);
}

/** Number of ones in 32 bits. */
function ones(value: number): number {
  let v = value - ((value >>> 1) & 0x55555555);
  v = (v & 0x33333333) + ((v >>> 2) & 0x33333333);
  return (((v + (v >>> 4)) & 0x0f0f0f0f) * 0x01010101) >>> 24;
}
