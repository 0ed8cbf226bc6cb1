/** The interface of every check for damage, and a collector of bytes that may come in parts. */

export interface DamageCheck {
  /** Takes the next bytes of the file. The buffer is not kept. */
  push(part: Buffer): void;
  /** Must be called after the last byte. Returns what is wrong, in words that follow the file's name. */
  problem(): string | undefined;
  /** Width and height when metadata behind the pixels rotates the image, which the header alone does not show. */
  readonly size?: readonly [number, number] | undefined;
}

/** Collects the next `count` bytes, however the file is cut into parts. */
export class Collector {
  readonly bytes: Buffer;
  #filled = 0;

  constructor(count: number) {
    this.bytes = Buffer.alloc(count);
  }

  /**
   * Takes bytes of `part` from `at`.
   * @returns how many were taken
   */
  take(part: Buffer, at: number): number {
    const taken = part.copy(this.bytes, this.#filled, at, at + this.bytes.length - this.#filled);
    this.#filled += taken;
    return taken;
  }

  get isEmpty(): boolean {
    return this.#filled === 0;
  }

  get isFull(): boolean {
    return this.#filled === this.bytes.length;
  }

  restart(): void {
    this.#filled = 0;
  }
}
