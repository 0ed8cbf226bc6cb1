/** Which pieces of a file are on disk, and which ranges are still to be fetched. */

/** Bytes of a piece, the unit of the journal, of CRC-32s and of repair. */
export const PIECE = 1 << 20;

/**
 * Largest size of a file that is believed, in bytes (a tebibyte), whatever a server or a journal says. No model is
 * larger.
 */
const LARGEST = 2 ** 40;

/** Whether a number from outside can be the size of a file in bytes. */
export const isFileSize = (bytes: unknown): bytes is number =>
  Number.isSafeInteger(bytes) && (bytes as number) >= 0 && (bytes as number) <= LARGEST;

export interface PieceRange {
  readonly from: number;
  /** End of the range in bytes, exclusive. */
  readonly to: number;
}

export class PieceMap {
  readonly size: number;
  readonly count: number;
  #crc: (number | undefined)[];
  #doneBytes = 0;

  constructor(size: number) {
    this.size = size;
    this.count = Math.ceil(size / PIECE);
    this.#crc = new Array<number | undefined>(this.count).fill(undefined);
  }

  /** Bytes of all finished pieces together. */
  get doneBytes(): number {
    return this.#doneBytes;
  }

  get complete(): boolean {
    return this.#doneBytes === this.size;
  }

  lengthOf(piece: number): number {
    return Math.min(PIECE, this.size - piece * PIECE);
  }

  isDone(piece: number): boolean {
    return this.#crc[piece] !== undefined;
  }

  crcOf(piece: number): number | undefined {
    return this.#crc[piece];
  }

  finish(piece: number, crc: number): void {
    if (piece < 0 || piece >= this.count) return;
    if (!this.isDone(piece)) this.#doneBytes += this.lengthOf(piece);
    this.#crc[piece] = crc;
  }

  forget(piece: number): void {
    if (this.isDone(piece)) this.#doneBytes -= this.lengthOf(piece);
    this.#crc[piece] = undefined;
  }

  forgetAll(): void {
    this.#crc.fill(undefined);
    this.#doneBytes = 0;
  }

  /**
   * First range of missing pieces that nobody fetches yet (`taken`), at most `most` bytes, rounded up to pieces. It
   * ends before a piece that is partly on disk (`partial`), so that such a piece always comes first in its range.
   */
  nextMissing(
    taken: (piece: number) => boolean,
    partial: (piece: number) => boolean,
    most: number,
  ): PieceRange | undefined {
    const free = (piece: number) => piece < this.count && !this.isDone(piece) && !taken(piece);
    let first = 0;
    while (first < this.count && !free(first)) first += 1;
    if (first >= this.count) return undefined;
    let end = first + 1;
    while (free(end) && !partial(end) && (end - first) * PIECE < most) end += 1;
    return { from: first * PIECE, to: Math.min(end * PIECE, this.size) };
  }
}
