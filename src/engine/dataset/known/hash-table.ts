/** Finds numbered things by a hash of 32 bits. It lies outside of the heap and needs 12 to 20 bytes for each of them. */
export class HashTable {
  readonly #hashes: Uint32Array;
  /** Open addressing: 0 is a free slot; otherwise the value is the thing's number plus 1. */
  readonly #slots: Uint32Array;

  /** @param count of things; their numbers are less than it */
  constructor(count: number) {
    this.#hashes = new Uint32Array(count);
    this.#slots = new Uint32Array(2 ** Math.ceil(Math.log2(2 * count + 2)));
  }

  /** Adds a thing, once. */
  add(index: number, hash: number): void {
    const mask = this.#slots.length - 1;
    let slot = hash & mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
    this.#slots[slot] = index + 1;
    this.#hashes[index] = hash;
  }

  /** The numbers of the things with this hash, in the order in which they were added. */
  *withHash(hash: number): Generator<number> {
    const mask = this.#slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const index = (this.#slots[slot] ?? 0) - 1;
      if (index < 0) return;
      if (this.#hashes[index] === hash) yield index;
    }
  }
}
